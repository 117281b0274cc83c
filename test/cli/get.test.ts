import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
  await daemon.agentd(["task", "register", "-"], { stdin: '{"goal":"Port the parser","nodes":[{}]}' });
});
afterAll(() => daemon[Symbol.asyncDispose]());

describe("--get", () => {
  test.each([
    ["a text, bare", ["task", "list", "--get", "tasks.0.goal"], 0, "Port the parser\n"],
    ["an object, as JSON", ["task", "list", "--get", "tasks.0.counts"], 0, '{"PENDING":1}\n'],
    ["null, as JSON", ["task", "list", "--get", "next_before"], 0, "null\n"],
    ["nothing of no result", ["lock", "acquire", "held", "--get", "lease_id"], 3, ""],
    ["nothing of a missing field", ["task", "list", "--get", "tasks.7.id"], 2, ""],
  ])("prints %s", async (_what, args, exit, out) => {
    await daemon.agentd(["lock", "acquire", "held"]);
    expect(await daemon.agentd(args)).toMatchObject({ exit, out });
  });
});
