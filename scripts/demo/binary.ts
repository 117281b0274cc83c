import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const root = dirname(dirname(import.meta.dir));
const binary = join(root, "dist", "agentd");

/** The path of dist/agentd, built first when it is missing or older than anything it is made of. */
export async function freshBinary(): Promise<string> {
  if (isStale()) {
    const build = Bun.spawn([process.execPath, join(root, "scripts", "build.ts")], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
    if ((await build.exited) !== 0) throw new Error("dist/agentd could not be built; its messages are above");
  }
  return binary;
}

function isStale(): boolean {
  if (!existsSync(binary)) return true;
  const built = statSync(binary).mtimeMs;
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  const parts = [...sources.map((path) => join(root, "src", path)), join(root, "package.json"), join(root, "bun.lock")];
  return parts.some((path) => statSync(path).mtimeMs > built);
}
