import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";

const root = join(import.meta.dir, "..", "..");
const text = readFileSync(join(root, "docs", "security.md"), "utf8");
const [, shown = ""] = /## What shows it([\s\S]*?)\n## /.exec(text) ?? [];
const rows = Array.from(shown.matchAll(/^\| (?!rule|-)(.+?) +\| (.+?) +\|$/gm), ([, rule = "", by = ""]) => [rule, by]);

test("docs/security.md names what shows its rules", () => {
  expect(rows.length).toBeGreaterThan(20);
});

test.each(rows)("%s: what shows it is there", (_, by) => {
  const tests = Array.from(by.matchAll(/\]\((.+?)\)/g), ([, path = ""]) => normalize(join("docs", path)));
  const proofs = Array.from(by.matchAll(/`(.+?)`/g), ([, name = ""]) => join("scripts", "prove", `${name}.ts`));
  expect([...tests, ...proofs]).not.toEqual([]);
  for (const path of [...tests, ...proofs]) expect([path, existsSync(join(root, path))]).toEqual([path, true]);
});
