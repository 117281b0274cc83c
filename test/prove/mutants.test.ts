import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { mutants } from "../../scripts/prove/mutants/table.ts";
import { edited } from "../../scripts/prove/mutants/tree.ts";

const root = dirname(dirname(import.meta.dir));

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))("the bug can still be planted: %s", (_, mutant) => {
  for (const edit of mutant.edits) {
    const text = readFileSync(join(root, edit.file), "utf8");
    expect(edited(text, edit)).not.toBe(text);
  }
  if (mutant.caughtBy.startsWith("test/")) expect(existsSync(join(root, mutant.caughtBy))).toBe(true);
});

test("a bug whose place is gone, or is there twice, is not planted", () => {
  const edit = { file: "a.ts", find: "x", put: "y" };
  expect(edited("1 x 2", edit)).toBe("1 y 2");
  expect(() => edited("1 2", edit)).toThrow("out of date");
  expect(() => edited("x x", edit)).toThrow("out of date");
});
