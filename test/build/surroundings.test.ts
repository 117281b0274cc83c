import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

// A repository somebody else wrote must not be able to configure the agentd of whoever works in it.

const agentd = join(dirname(dirname(import.meta.dir)), "dist", "agentd");
const trapFiles: Record<string, string> = {
  ".env": "AGENTD_SOCKET_PATH=/trap.sock\n",
  ".env.local": "AGENTD_SOCKET_PATH=/trap.sock\n",
  ".env.development": "AGENTD_SOCKET_PATH=/trap.sock\n",
  "bunfig.toml": 'preload = ["./trap.ts"]\n',
  "tsconfig.json": '{ "compilerOptions": { "paths": { "*": ["./trap.ts"] } }, trap',
  "package.json": '{ "type": "trap", "imports": { "#a": trap',
  "trap.ts": 'require("node:fs").writeFileSync("trapped", "");\n',
};

let folder: string;
beforeAll(async () => {
  if (!existsSync(agentd))
    throw new Error("dist/agentd is not there; `bun run build` makes it, and `npm test` does so first");
  folder = await mkdtemp(join(tmpdir(), "agentd-surroundings-"));
  await mkdir(join(folder, "home"));
  await mkdir(join(folder, "empty"));
});
afterAll(async () => rm(folder, { recursive: true }));

test.each(Object.keys(trapFiles).filter((name) => name !== "trap.ts"))(
  "started beside a hostile %s, the binary behaves as in an empty folder",
  async (name) => {
    const hostile = await setTraps(name, "trap.ts");
    for (const words of [["health", "--no-start"], ["--help"], ["version", "--json"]]) {
      expect(await run(agentd, words, hostile)).toEqual(await run(agentd, words, join(folder, "empty")));
    }
    expect(existsSync(join(hostile, "trapped"))).toBe(false);
  },
);

test("the traps would show: a variable that is read changes the answer", async () => {
  const trapped = await run(agentd, ["health", "--no-start"], folder, { AGENTD_SOCKET_PATH: "/trap.sock" });
  expect(trapped.stderr).toContain("/trap.sock");
});

test("the traps would show: Bun itself runs the preload", async () => {
  const hostile = await setTraps("bunfig.toml", "trap.ts");
  await run(process.execPath, ["-e", "0"], hostile);
  expect(existsSync(join(hostile, "trapped"))).toBe(true);
});

async function setTraps(...names: string[]): Promise<string> {
  const hostile = await mkdtemp(join(folder, "hostile-"));
  for (const name of names) await writeFile(join(hostile, name), trapFiles[name] ?? "");
  return hostile;
}

async function run(executable: string, words: string[], cwd: string, variables: Record<string, string> = {}) {
  const env = { HOME: join(folder, "home"), PATH: process.env.PATH, ...variables };
  const child = Bun.spawn([executable, ...words], { cwd, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [status, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { status, stdout, stderr };
}
