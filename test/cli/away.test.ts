import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Request } from "../../src/protocol/envelope.ts";
import { isRepeatable, methodNames, methodRow } from "../../src/protocol/methods.ts";
import { temporaryHome } from "../support/daemon.ts";

setDefaultTimeout(60_000);

const stopping = { code: -32000, message: "stopping", data: { kind: "SHUTTING_DOWN", retryable: true } };
const ways: [how: string, last: string | null][] = [
  ["dies", null],
  ["says that it is stopping", `${JSON.stringify({ id: 1, error: stopping })}\n`],
];
/** Those that do not wait for what never comes. */
const reads = methodNames.filter(isRepeatable);

describe.each(ways)("while a daemon %s", (_how, last) => {
  test.each(reads)("%s is asked again", async (method) => {
    await using home = await temporaryHome();
    await mkdir(home.path, { mode: 0o700 });
    const dying = listenOnce(home.socket, last);
    const params = { ...(methodRow(method).example.params as object), wait_ms: 0 };
    const ran = await home.agentd(["call", method, JSON.stringify(params)]);
    expect(dying.asked).toMatchObject({ method });
    expect(ran.err).not.toContain("may or may not have happened");
    // The daemon that answers is new, and knows nothing of the example's task.
    expect(ran.exit).toBeLessThan(4);
  });

  test.each([
    ["status", 4, "no daemon runs"],
    ["start", 0, ""],
    ["restart", 0, ""],
  ])("`agentd %s` asks again", async (command, exit, says) => {
    await using home = await temporaryHome();
    await mkdir(home.path, { mode: 0o700 });
    listenOnce(home.socket, last);
    const ran = await home.agentd([command]);
    expect(ran.exit).toBe(exit);
    expect(ran.err).toContain(says);
    expect(ran.err).not.toContain("may or may not have happened");
  });

  test.each([
    ["node acquire", ["node", "acquire", "--any"], "AcquireNextNode"],
    ["lock acquire", ["lock", "acquire", "name:x"], "AcquireResourceLocks"],
    ["run", ["run", "--any", "--", "true"], "AcquireNextNode"],
  ])("%s --wait waits on", async (_command, [first = "", ...words], method) => {
    await using home = await temporaryHome();
    await mkdir(home.path, { mode: 0o700 });
    const dying = listenOnce(home.socket, last);
    const waiting = home.agentd(["--json", first, ...words.toSpliced(1, 0, "--wait", "5m")]);
    await dying.gone;
    await home.json("task", "register", await plan(home.path));
    const ran = await waiting;
    expect(dying.asked).toMatchObject({ method });
    expect(ran.exit).toBe(0);
    expect(ran.out).toContain('"lease_id"');
    expect(ran.err).not.toContain("may or may not have happened");
  });

  test.each([
    ["node acquire", ["node", "acquire", "--any"]],
    ["lock acquire", ["lock", "acquire", "name:x"]],
    ["lock run", ["lock", "run", "name:x"]],
    ["run", ["run", "--any"]],
  ])("for good, %s --wait ends as not now when its time is over", async (command, words) => {
    await using home = await temporaryHome();
    await mkdir(home.path, { mode: 0o700 });
    listenOnce(home.socket, last);
    // As after `agentd stop`: none starts by itself.
    await writeFile(join(home.path, "agentd.stopped"), "");
    const after = command.endsWith("run") ? ["--", "true"] : [];
    expect(await home.agentd([...words, "--wait", "1s", ...after])).toMatchObject({ exit: 3, out: "" });
  });
});

test("what may or may not have been written is not asked again", async () => {
  await using home = await temporaryHome();
  await mkdir(home.path, { mode: 0o700 });
  listenOnce(home.socket, null);
  const ran = await home.agentd(["call", "RegisterTask", '{"goal":"g"}']);
  expect(ran).toMatchObject({ exit: 5, out: "" });
  expect(ran.err).toContain("may or may not have happened");
});

/** Listens until the first request, which it answers with its last words at most; `gone` once nothing listens any more. */
function listenOnce(path: string, last: string | null): { asked: Request | undefined; gone: Promise<void> } {
  const gone = Promise.withResolvers<void>();
  const seen: { asked: Request | undefined; gone: Promise<void> } = { asked: undefined, gone: gone.promise };
  let text = "";
  const listener = Bun.listen({
    unix: path,
    socket: {
      data(socket, chunk) {
        text += chunk.toString();
        if (!text.includes("\n")) return;
        seen.asked = JSON.parse(text) as Request;
        if (last !== null) socket.write(last);
        socket.end();
        listener.stop(true);
        gone.resolve();
      },
    },
  });
  return seen;
}

async function plan(home: string): Promise<string> {
  const path = join(home, "plan.json");
  await writeFile(path, '{"goal":"g","initial_nodes":[{}]}');
  return path;
}
