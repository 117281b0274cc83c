import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

/** A file system of its own, small enough to be filled in a moment. */
export interface Volume extends Disposable {
  path: string;
}

const sizeMb = 4;

/** In memory. Null where mounting is not permitted. */
export function memoryVolume(path: string): Volume | null {
  mkdirSync(path, { mode: 0o700 });
  return run("mount", "-t", "tmpfs", "-o", `size=${sizeMb}m,mode=0700`, "tmpfs", path) ? mounted(path) : null;
}

/** ext4 in a file. Null where mounting is not permitted. */
export function ext4Volume(path: string): Volume | null {
  const image = join(dirname(path), "image");
  mkdirSync(path, { mode: 0o700 });
  const made =
    run("truncate", "-s", `${2 * sizeMb}M`, image) &&
    run("mkfs.ext4", "-q", "-F", "-m", "0", image) &&
    run("mount", "-o", "loop", image, path);
  return made ? mounted(path) : null;
}

function mounted(path: string): Volume {
  open.add(path);
  return { path, [Symbol.dispose]: () => unmount(path) };
}

/** Those to be given back also when the process is told to end. */
const open = new Set<string>();
process.on("exit", () => {
  for (const path of open) unmount(path);
});

function unmount(path: string): void {
  open.delete(path);
  run("umount", "-l", path);
}

function run(...command: [string, ...string[]]): boolean {
  return Bun.which(command[0]) !== null && Bun.spawnSync(command, { stdio: ["ignore", "ignore", "ignore"] }).success;
}
