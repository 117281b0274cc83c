// Installs the dependencies bun.lock pins, with the Bun that package.json pins, on a machine that has node and npm only.
// Every npm script that needs them runs it first; when nothing is missing it takes some ten milliseconds.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const pinned = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.bun;

try {
  if (bunVersion(root) === pinned) installDependencies(root);
  else installFromNothing();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

function installFromNothing() {
  console.error(`setup: installing the dependencies with Bun ${pinned}`);
  const aside = mkdtempSync(join(tmpdir(), "agentd-setup-"));
  try {
    run("npm", ["install", "--prefix", aside, "--no-save", "--no-package-lock", "--ignore-scripts", `bun@${pinned}`]);
    unpackBun(aside);
    installDependencies(aside);
    if (bunVersion(root) !== pinned) unpackBun(root);
  } finally {
    rmSync(aside, { recursive: true });
  }
}

function installDependencies(bunsFolder) {
  run(bunIn(bunsFolder), ["install", "--frozen-lockfile"]);
}

// Bun's package has its executable only after its install script ran, and npm or its user may have those switched off.
function unpackBun(folder) {
  run(process.execPath, [join(folder, "node_modules", "bun", "install.js")]);
}

function bunIn(folder) {
  return join(folder, "node_modules", "bun", "bin", "bun.exe");
}

function bunVersion(folder) {
  return spawnSync(bunIn(folder), ["--version"], { encoding: "utf8" }).stdout?.trim();
}

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  if (status === 0) return;
  const reason = error?.message ?? stdout + stderr;
  throw new Error(`${reason}\nsetup: "${command} ${args.join(" ")}" failed; put that right and run it again`);
}
