import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { ArchiveReport } from "../../src/client/archive.ts";
import type { Result } from "../../src/protocol/methods.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
let archive: string;

beforeAll(async () => {
  daemon = await startDaemon();
  const { client } = daemon;
  const { result } = await client.request("RegisterTask", { goal: "a goal", initial_nodes: [{}] });
  const { task_id } = result as Result<"RegisterTask">;
  await client.request("CancelTask", { task_id, reason: "done" });
  // Old enough is what was written before this second.
  while ((await daemon.json<{ tasks: number }>("prune", "--older-than", "1s", "--dry-run")).tasks === 0) {
    await Bun.sleep(50);
  }
});
afterAll(async () => daemon[Symbol.asyncDispose]());

describe("agentd prune", () => {
  test("wants to be told how old", async () => {
    const { exit, err } = await daemon.agentd(["prune"]);
    expect(exit).toBe(2);
    expect(err).toContain("--older-than");
  });

  test("only says what would leave on a dry run, and then lets it leave to an archive that stands by itself", async () => {
    const dry = await daemon.agentd(["prune", "--older-than", "1s", "--dry-run"]);
    expect(dry.out).toMatch(/^would be archived: 1 task with 1 node, \d+ journal rows\n$/);
    const pruned = await daemon.json<Result<"PruneJournal">>("prune", "--older-than", "1s");
    expect(pruned).toMatchObject({ tasks: 1, nodes: 1, dry_run: false });
    archive = pruned.archives[0] ?? "";
    expect(dirname(archive)).toBe(join(daemon.path, "archive"));
    expect(statSync(dirname(archive)).mode & 0o777).toBe(0o700);
    expect((await daemon.agentd(["task", "list"])).out).not.toContain("a goal");
    expect((await daemon.agentd(["verify"])).out).toMatch(/^clean: .*; \d+ rows were pruned\n/);

    const found = await daemon.json<ArchiveReport>("verify", archive, "--no-start");
    expect(found).toMatchObject({ ok: true, rows: pruned.rows, fault: null });
    const told = await daemon.json<Result<"ListEvents">>("event", "list", "--type", "PRUNE_JOURNAL");
    expect(JSON.stringify(told)).toContain(found.sha256);
    expect((await daemon.agentd(["prune", "--older-than", "90d"])).out).toBe("nothing is that old and has ended\n");
  });

  test.each<[string, (lines: string[]) => string[], RegExp]>([
    [
      "an altered payload",
      (lines) => lines.map((line) => line.replace("a goal", "no goal")),
      /line \d+: row \d+ was altered/,
    ],
    [
      "a row that was taken out",
      ([first = "", second = "", , ...rest]) => [first, second, ...rest],
      /is not chained|has \d+ rows/,
    ],
    ["a cut", (lines) => lines.slice(0, 3), /was cut off/],
    [
      "rows in another order",
      ([first = "", second = "", third = "", ...rest]) => [first, third, second, ...rest],
      /seq|chained/,
    ],
    ["something else", () => ["hello"], /not an agentd archive/],
  ])("finds %s in an archive", async (_what, change, fault) => {
    const lines = gunzipSync(readFileSync(archive)).toString().trimEnd().split("\n");
    const altered = join(daemon.path, "altered.jsonl.gz");
    writeFileSync(altered, Bun.gzipSync(`${change(lines).join("\n")}\n`));
    const { exit, out } = await daemon.agentd(["verify", altered]);
    expect(exit).toBe(1);
    expect(out).toStartWith("altered: ");
    expect(out).toMatch(fault);
  });

  test("says so where the file is not there", async () => {
    const { exit, err } = await daemon.agentd(["verify", "nothing.gz"]);
    expect(exit).toBe(2);
    expect(err).toContain("there is no file");
  });
});
