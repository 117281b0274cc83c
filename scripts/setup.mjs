// Installs the dependencies bun.lock pins, with the Bun that package.json pins, on a machine that has node and npm only.
// Runs before every npm script that needs them; when nothing is missing it takes some ten milliseconds.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const pinned = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.bun;
const install = ["install", "--frozen-lockfile"];
const localBun = join(root, "node_modules", "bun", "bin", "bun.exe");

if (localBunVersion() === pinned) {
  run(localBun, install);
} else {
  console.error(`setup: installing the dependencies with Bun ${pinned}`);
  // Bun's npm package unpacks itself in its install script. npm may be told to run none, so these two allow this one.
  const allowed = { npm_config_ignore_scripts: "false", npm_config_allow_scripts: "bun" };
  run("npx", ["--yes", `bun@${pinned}`, ...install], allowed);
}
if (localBunVersion() !== pinned) run(process.execPath, [join(root, "node_modules", "bun", "install.js")]);

function localBunVersion() {
  return spawnSync(localBun, ["--version"], { encoding: "utf8" }).stdout?.trim();
}

function run(command, args, environment = {}) {
  const env = { ...process.env, ...environment };
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: "utf8", env });
  if (status === 0) return;
  console.error(error?.message ?? stdout + stderr);
  console.error(`setup: "${command} ${args.join(" ")}" failed; put that right and run it again`);
  process.exit(1);
}
