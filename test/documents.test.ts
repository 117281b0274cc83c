import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { errors } from "../src/protocol/errors.ts";
import { settings } from "../src/protocol/settings.ts";

setDefaultTimeout(60_000);

const root = join(import.meta.dir, "..");
const pages = ["README.md", "CONTRIBUTING.md", ...readdirSync(join(root, "docs")).map((name) => join("docs", name))];

// CI has all that the pages use; on a contributor's machine nc may be missing.
const withNc = process.env.CI !== undefined || Bun.which("nc") !== null;
const left = withNc ? "" : ", but for lines with nc, which is not installed";

function read(page: string): string {
  // The formatter pads the cells of tables.
  return readFileSync(join(root, page), "utf8").replaceAll(/ +\|/g, " |").replaceAll(/\| +/g, "| ");
}

/** What a reader would type who follows a page from top to bottom: its blocks marked `sh`, in order. */
function typedOn(page: string): string {
  const blocks = [...readFileSync(join(root, page), "utf8").matchAll(/```sh\n(.*?)```/gs)];
  const lines = blocks
    .map(([, block]) => block)
    .join("\n")
    .split("\n");
  return lines.filter((line) => withNc || !line.includes("| nc ")).join("\n");
}

describe.each(pages)("%s", (page) => {
  test("names only npm commands that exist", () => {
    const named = [...read(page).matchAll(/(?:npm run|bun run) (\w+)/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => !(name in manifest.scripts))).toEqual([]);
  });

  test("links only to files that exist", () => {
    const links = [...read(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path = ""]) => path);
    expect(links.filter((path) => !existsSync(join(root, dirname(page), path)))).toEqual([]);
  });
});

test("every page of docs stands in its index", () => {
  const index = read("docs/README.md");
  const absent = readdirSync(join(root, "docs")).filter(
    (name) => name !== "README.md" && !index.includes(`](${name})`),
  );
  expect(absent).toEqual([]);
});

describe("docs/configuration.md", () => {
  const page = read("docs/configuration.md");

  test.each(Object.values(settings))("tells $variable with its default", ({ variable, default: value, notation }) => {
    const shown = notation === "octal" ? `0${value.toString(8)}` : String(value);
    expect(page).toContain(`| \`${variable}\` | ${shown} |`);
  });

  test("has a row for every exit status an error can end with", () => {
    const rows = new Set([...page.matchAll(/^\| (\d) \| /gm)].map(([, status]) => Number(status)));
    expect(Object.values(errors).filter(({ exit }) => !rows.has(exit))).toEqual([]);
  });
});

/** A new directory with a home of its own in it, where pages are followed; all of it ends when the test does. */
function reader(inGit: boolean) {
  const home = mkdtempSync("/tmp/agentd-page-");
  const [cwd, bin, statuses] = [join(home, "work"), join(home, "bin"), join(home, "statuses")];
  mkdirSync(join(cwd, "src", "parser"), { recursive: true });
  mkdirSync(bin);
  // A page shows refusals, too, so the shell goes on after one, and how each command ended is noted.
  const noting = `"${join(root, "dist", "agentd")}" "$@"; status=$?; echo "$status agentd $*" >> ${statuses}; exit $status`;
  writeFileSync(join(bin, "agentd"), `#!/bin/sh\n${noting}\n`, { mode: 0o755 });
  const environment: Record<string, string | undefined> = { ...process.env, HOME: home };
  for (const name of Object.keys(environment)) if (/^(AGENTD_|GIT_|XDG_)/.test(name)) delete environment[name];
  Object.assign(environment, { PATH: `${bin}:${process.env.PATH}`, GIT_CEILING_DIRECTORIES: home });
  const type = async (script: string) => {
    const shell = Bun.spawn(["sh", "-uc", script], { cwd, env: environment, stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([new Response(shell.stdout).text(), new Response(shell.stderr).text()]);
    return { stdout, stderr, status: await shell.exited };
  };
  return {
    type,
    follow: async (page: string) => {
      if (inGit) await type("git init -q -b main .");
      const { stdout, stderr } = await type(typedOn(page));
      const failed = readFileSync(statuses, "utf8")
        .split("\n")
        .filter((line) => /^[^03] /.test(line));
      return { stdout, stderr, failed };
    },
    [Symbol.asyncDispose]: async () => {
      await type("agentd stop");
      rmSync(home, { recursive: true, force: true });
    },
  };
}

const places: [string, boolean][] = [
  ["in a git repository", true],
  ["outside of git", false],
];

describe.each(pages.filter((page) => typedOn(page) !== ""))("what a reader types who follows %s", (page) => {
  test.each(places)(`%s is done, or told "not now"${left}`, async (_, inGit) => {
    await using shell = reader(inGit);
    const { stdout, stderr, failed } = await shell.follow(page);
    expect({ failed, stderr: failed.length === 0 ? "" : stderr }).toEqual({ failed: [], stderr: "" });
    expect(stdout).not.toMatch(/undefined|NaN|\[object/);
    expect(stderr).not.toContain("not found");
  });
});

test.each(places)("after the README's five minutes %s the holder was named and the work is done", async (_, inGit) => {
  await using shell = reader(inGit);
  const { stdout, stderr } = await shell.follow("README.md");
  expect(stdout).toContain("not now");
  expect(`${stdout}${stderr}`).toMatch(/held[^]*codex-1/);
  expect(stdout).toContain("clean: ");
  const { stdout: counts } = await shell.type("agentd task status port --get counts");
  expect(JSON.parse(counts)).toEqual({ COMPLETED: 2, RUNNING: 1 });
});
