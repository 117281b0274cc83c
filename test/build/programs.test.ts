import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isUsable } from "../../scripts/programs.ts";

/** A directory with a program that is found, and does nothing but fail, before all others on the PATH. */
function shim(program: string) {
  const directory = mkdtempSync(join(tmpdir(), "agentd-shim-"));
  const path = join(directory, program);
  writeFileSync(path, "#!/bin/sh\necho 'error: no default toolchain is configured' >&2\nexit 1\n");
  chmodSync(path, 0o755);
  return {
    PATH: `${directory}:${process.env.PATH ?? ""}`,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}

test.each(["rustc", "cc", "python3", "node"])("a %s that is a shim without a toolchain is not there", (program) => {
  using found = shim(program);
  expect(isUsable(program, found.PATH)).toBe(false);
});

test("what works is there, and what is not found is not", () => {
  expect(isUsable("node")).toBe(true);
  expect(isUsable("sh")).toBe(true);
  expect(isUsable("no-such-program")).toBe(false);
});
