import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How a program proves itself, in a directory of its own; those without a row need only be found. */
const proofs: Readonly<Record<string, (directory: string) => string[]>> = {
  python3: () => ["-c", ""],
  node: () => ["-e", ""],
  rustc: (directory) => ["-o", join(directory, "proof"), source(directory, "proof.rs", "fn main() {}\n")],
  cc: (directory) => ["-o", join(directory, "proof"), source(directory, "proof.c", "int main(void) { return 0; }\n")],
};

function source(directory: string, name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

/**
 * Whether a program can be used. A version manager leaves a shim on the PATH that has nothing behind it until something
 * is installed, and a compiler may lack its linker: a compiler counts when it compiles, an interpreter when it runs.
 */
export function isUsable(program: string, PATH = process.env.PATH ?? ""): boolean {
  const found = Bun.which(program, { PATH });
  const proof = proofs[program];
  if (found === null || proof === undefined) return found !== null;
  const directory = mkdtempSync(join(tmpdir(), "agentd-program-"));
  try {
    const command = [found, ...proof(directory)];
    return Bun.spawnSync(command, { env: { ...process.env, PATH }, stdio: ["ignore", "ignore", "ignore"] }).success;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
