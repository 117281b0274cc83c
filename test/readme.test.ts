import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as v from "valibot";
import manifest from "../package.json" with { type: "json" };
import { readTaskFile } from "../src/cli/task-file.ts";
import { errors } from "../src/protocol/errors.ts";
import { methodRow } from "../src/protocol/methods.ts";
import { settings } from "../src/protocol/settings.ts";

setDefaultTimeout(60_000);

const root = join(import.meta.dir, "..");
// The formatter pads the cells of tables.
const readme = readFileSync(join(root, "README.md"), "utf8").replaceAll(/ +\|/g, " |").replaceAll(/\| +/g, "| ");

/** The shell blocks of one section, in order. */
function shellBlocks(section: string): string[] {
  const [, text = ""] = readme.split(`\n## ${section}\n`);
  const [body = ""] = text.split("\n## ");
  return [...body.matchAll(/```sh\n(.*?)```/gs)].map((match) => match[1] ?? "");
}

describe("the README", () => {
  test("every npm command it names exists", () => {
    const named = [...readme.matchAll(/(?:npm run|bun run) (\w+)/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => !(name in manifest.scripts))).toEqual([]);
  });

  test.each(Object.values(settings))(
    "it tells $variable with its default",
    ({ variable, default: value, notation }) => {
      const shown = notation === "octal" ? `0${value.toString(8)}` : String(value);
      expect(readme).toContain(`| \`${variable}\` | ${shown} |`);
    },
  );

  test("every exit status an error can end with has its row", () => {
    const rows = new Set([...readme.matchAll(/^\| (\d) \| /gm)].map(([, status]) => Number(status)));
    expect(Object.values(errors).filter(({ exit }) => !rows.has(exit))).toEqual([]);
  });

  test("every file it links to exists", async () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = ""]) => path);
    const missing = [];
    for (const path of new Set(links)) if (!(await Bun.file(join(root, path)).exists())) missing.push(path);
    expect(missing).toEqual([]);
  });

  test("every task file it shows is one", async () => {
    const shown = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = ""]) => text);
    expect(shown.length).toBeGreaterThan(0);
    for (const text of shown) {
      const path = join(mkdtempSync("/tmp/agentd-readme-"), "plan.yaml");
      writeFileSync(path, text);
      const params = await readTaskFile(path);
      rmSync(dirname(path), { recursive: true });
      expect(v.safeParse(methodRow("RegisterTask").params, params).issues).toBeUndefined();
    }
  });

  // CI has all that the README uses; on a contributor's machine nc may be missing.
  const withNc = process.env.CI !== undefined || Bun.which("nc") !== null;
  const left = withNc ? "as it stands" : "but for the line with nc, which is not installed";

  test(`its tour runs ${left}, and ends clean`, async () => {
    const home = mkdtempSync("/tmp/agentd-readme-");
    const environment = { ...process.env, HOME: home, PATH: `${join(root, "dist")}:${process.env.PATH}` };
    const run = (script: string) =>
      Bun.spawn(["sh", "-euxc", script], { cwd: home, env: environment, stdout: "pipe", stderr: "pipe" });
    try {
      const lines = shellBlocks("A tour").join("\n").split("\n");
      const tour = run(lines.filter((line) => withNc || !line.includes("| nc ")).join("\n"));
      const [stdout, stderr, status] = await Promise.all([
        new Response(tour.stdout).text(),
        new Response(tour.stderr).text(),
        tour.exited,
      ]);
      expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toContain("1 COMPLETED");
      expect(stdout).toContain("clean: ");
      if (withNc) expect(stdout).toContain('"resource_key":"file:src/grammar.y"');
    } finally {
      await run("agentd stop").exited;
      rmSync(home, { recursive: true, force: true });
    }
  });
});
