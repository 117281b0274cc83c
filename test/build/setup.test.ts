import { expect, test } from "bun:test";
import { dirname, join } from "node:path";
import manifest from "../../package.json";

const root = dirname(dirname(import.meta.dir));

test("the set-up's Bun is the pinned one, and no other version is written anywhere in it", async () => {
  expect(Bun.version).toBe(manifest.devDependencies.bun);
  expect(await Bun.file(join(root, "scripts/setup.mjs")).text()).not.toMatch(/\d+\.\d+\.\d+/);
  expect(JSON.stringify(manifest.scripts)).not.toMatch(/\d+\.\d+\.\d+/);
});

test("versions are exact, so that the lockfile decides nothing alone", () => {
  const all = { ...manifest.dependencies, ...manifest.devDependencies };
  for (const version of Object.values(all)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});

// In the command itself: npm leaves out pre-scripts for whoever has switched install scripts off.
test.each(["build", "test", "demo", "check"] as const)("npm run %s sets everything up first", (name) => {
  expect(manifest.scripts[name]).toStartWith(`${manifest.scripts.setup} && `);
});
