import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wantsColour } from "../../src/cli/streams.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { runInTerminal } from "../support/terminal.ts";

const escape = "\x1b[";
const held = "codex-of-somebody-with-a-long-name-1";

/** A daemon with something to list, of everything. */
async function busyDaemon(): Promise<TestDaemon> {
  const daemon = await startDaemon();
  for (let n = 0; n < 3; n++) {
    const initial_nodes = [{ name: "grammar", payload_schema: { prompt: "x".repeat(300) } }];
    const { task_id } = await daemon.client.call("RegisterTask", {
      goal: "g".repeat(300),
      name: `port ${n}`,
      initial_nodes,
    });
    await daemon.client.call("AcquireNextNode", { task_id, lease_owner: held });
    const resource_key = `file:src/${"deep/".repeat(20)}file-${n}.rs`;
    await daemon.client.call("AcquireResourceLock", {
      resource_key,
      owner: held,
      metadata: { intent: "i".repeat(100) },
    });
  }
  return daemon;
}

describe("a stream shows colours", () => {
  const terminal = { TERM: "xterm" };
  test.each<[string, Record<string, string>, boolean, boolean]>([
    ["on a terminal", terminal, true, true],
    ["not in a pipe", terminal, false, false],
    ["not on a terminal that is dumb", { TERM: "dumb" }, true, false],
    ["not on a terminal nothing is known of", {}, true, false],
    ["not with NO_COLOR", { ...terminal, NO_COLOR: "1" }, true, false],
    ["with a NO_COLOR that is empty", { ...terminal, NO_COLOR: "" }, true, true],
    ["in a pipe with FORCE_COLOR", { FORCE_COLOR: "1" }, false, true],
    ["with FORCE_COLOR, whatever NO_COLOR says", { FORCE_COLOR: "1", NO_COLOR: "1" }, false, true],
    ["not with FORCE_COLOR=0", { ...terminal, FORCE_COLOR: "0" }, true, false],
  ])("%s", (_, environment, isTerminal, shown) => expect(wantsColour(environment, isTerminal)).toBe(shown));
});

/** Which of a command's streams go to a file, while the others are the terminal. */
const redirections = [">out", "2>err", ">out 2>err", ""] as const;
/** A command that fills standard output, one that fills standard error with a page, and one that fails. */
const commands = [["task", "list"], ["lock", "list"], ["task"], ["task", "status", "nothing"], ["help"]];

describe.each(redirections)("with '%s'", (redirection) => {
  test.each<[string, Record<string, string>]>([
    ["no colours reach what is no terminal, and a terminal has them", { TERM: "xterm" }],
    ["TERM=dumb has none anywhere", { TERM: "dumb" }],
    ["NO_COLOR has none anywhere", { TERM: "xterm", NO_COLOR: "1" }],
  ])("%s", async (_, environment) => {
    await using daemon = await busyDaemon();
    const directory = mkdtempSync(join(tmpdir(), "agentd-streams-"));
    const written = { out: "", err: "", terminal: "" };
    try {
      for (const command of commands) {
        const shell = `cd "$0" && "$@" ${redirection}`;
        const run = runInTerminal(daemon, command, { through: ["sh", "-c", shell, directory], environment });
        await run.ended;
        written.terminal += run.written();
        if (redirection.includes(">out")) written.out += readFileSync(join(directory, "out"), "utf8");
        if (redirection.includes("2>err")) written.err += readFileSync(join(directory, "err"), "utf8");
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
    expect(written.out).not.toContain(escape);
    expect(written.err).not.toContain(escape);
    const isColourful =
      environment.TERM === "xterm" && environment.NO_COLOR === undefined && redirection !== ">out 2>err";
    expect(written.terminal.includes(escape)).toBe(isColourful);
  });
});

describe.each([40, 80, 120, 200])("on a terminal of %d columns", (columns) => {
  test.each([[["task", "list"]], [["lock", "list"]], [["event", "list"]]])(
    "no line of %p is longer, and what can be whole is",
    async (command) => {
      await using daemon = await busyDaemon();
      const run = runInTerminal(daemon, command, { columns });
      expect(await run.ended).toBe(0);
      const lines = Bun.stripANSI(run.written()).replaceAll("\r", "").split("\n");
      for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
      if (command[0] === "lock" && columns >= 120) expect(lines.join("\n")).toContain(held);
      if (command[0] === "task" && columns >= 80) expect(lines.join("\n")).toContain("port 2");
    },
  );
});

test("on a terminal of 80 columns the counts of a task are whole, whatever else it has", async () => {
  await using daemon = await startDaemon();
  const initial_nodes = Array.from({ length: 40 }, (_, index) => ({ name: `n${index}` }));
  const name = "the parser, and all that follows from it";
  const { task_id } = await daemon.client.call("RegisterTask", { goal: name, name, priority: 100, initial_nodes });
  for (let node = 0; node < 30; node++) {
    const taken = await daemon.client.call("AcquireNextNode", { task_id });
    if (taken === null || "nodes" in taken) throw new Error("nothing was taken");
    const lease = { task_id, node_id: taken.node_id, lease_id: taken.lease_id };
    if (node < 12) await daemon.client.call("CompleteNode", { ...lease, result_payload: null });
    else if (node < 20) await daemon.client.call("FailNode", { ...lease, error_payload: null });
  }
  const run = runInTerminal(daemon, ["task", "list"], { columns: 80 });
  expect(await run.ended).toBe(0);
  const shown = Bun.stripANSI(run.written());
  expect(shown).toContain("12/40, 10 running, 8 failed");
  expect(shown).toContain("100");
  for (const line of shown.replaceAll("\r", "").split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
});

test("in a pipe everything is whole, however long", async () => {
  await using daemon = await busyDaemon();
  const { out } = await daemon.agentd(["lock", "list"]);
  expect(out).toContain(`file:src/${"deep/".repeat(20)}file-2.rs`);
});

test("nothing of the command line writes past the one place that judges the streams", async () => {
  const writers: string[] = [];
  for await (const path of new Bun.Glob("**/*.ts").scan("src/cli")) {
    const text = await Bun.file(join("src/cli", path)).text();
    if (/console\.(error|warn|info)|enableANSIColors/.test(text)) writers.push(path);
  }
  expect(writers).toEqual(["streams.ts"]);
});
