import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Socket } from "bun";
import { type Home, temporaryHome } from "../support/daemon.ts";

async function pidOf(home: Home): Promise<number> {
  const { out } = await home.agentd(["status", "--json"]);
  return (JSON.parse(out) as { pid: number }).pid;
}

describe("the daemon", () => {
  test("is started by the first command that needs it", async () => {
    await using home = await temporaryHome();
    expect(await home.agentd(["status"])).toMatchObject({ exit: 4, out: "" });
    expect(await home.agentd(["task", "list"])).toMatchObject({
      exit: 0,
      out: "no tasks; register one with: agentd task register FILE\n",
    });
    expect(await home.agentd(["status"])).toMatchObject({ exit: 0 });
  });

  test.each([
    ["--no-start", ["--no-start"], {}],
    ["AGENTD_NO_START", [], { AGENTD_NO_START: "1" }],
  ])("is not started under %s", async (_name, args, env) => {
    await using home = await temporaryHome();
    const ran = await home.agentd(["task", "list", ...args], { env });
    expect(ran).toMatchObject({ exit: 4, out: "" });
    expect(ran.err).toContain("run: agentd start");
    expect(existsSync(home.path)).toBe(false);
  });

  test("once stopped starts again only when asked to", async () => {
    await using home = await temporaryHome();
    await home.agentd(["start"]);
    const pid = await pidOf(home);
    expect(await home.agentd(["stop"])).toMatchObject({ exit: 0, out: `stopped: process ${pid} has ended\n` });
    expect(await home.agentd(["task", "list"])).toMatchObject({
      exit: 4,
      err: "agentd: the daemon was stopped with `agentd stop`; run: agentd start\n",
    });
    expect(await home.agentd(["doctor"])).toMatchObject({ exit: 0 });
    expect(await home.agentd(["stop"])).toMatchObject({ exit: 0 });
    expect(await home.agentd(["start"])).toMatchObject({ exit: 0 });
    expect(await home.agentd(["task", "list"])).toMatchObject({ exit: 0 });
  });

  test("is another process after a restart, with the same state", async () => {
    await using home = await temporaryHome();
    await home.agentd(["task", "register", "-"], { stdin: "goal: survive" });
    const before = await pidOf(home);
    expect(await home.agentd(["restart"])).toMatchObject({ exit: 0 });
    expect(await pidOf(home)).not.toBe(before);
    expect((await home.agentd(["task", "list"])).out).toContain("survive");
  });

  test("that cannot start says why", async () => {
    await using home = await temporaryHome();
    const ran = await home.agentd(["task", "list", "--json"], { env: { AGENTD_NODE_TIMEOUT_SECS: "soon" } });
    expect(ran).toMatchObject({ exit: 4, out: "" });
    const { error } = JSON.parse(ran.err) as { error: { message: string; data: object } };
    expect(error.message).toContain('AGENTD_NODE_TIMEOUT_SECS is "soon"; expected a whole number');
    expect(error.data).toMatchObject({ kind: "NOT_STARTED" });
  });

  test("may be restarted under a command that waits", async () => {
    await using home = await temporaryHome();
    const register = (goal: string) => home.agentd(["task", "register", "-"], { stdin: `goal: ${goal}` });
    await register("before");
    const seen = join(home.path, "seen");
    const readTwo = `{ read -r one; echo "$one" > ${seen}; read -r two; echo "$two"; }`;
    const follow = ["event", "list", "--follow", "--after", "0", "--json"];
    const following = home.agentd(follow, { into: readTwo });
    while (!existsSync(seen)) await Bun.sleep(5);
    await home.agentd(["restart"]);
    for (let ran: unknown; ran === undefined; ran = await Promise.race([following, Bun.sleep(5)]))
      await register("after");
    expect(JSON.parse((await following).out)).toMatchObject({ seq: 2, payload: { goal: "after" } });
  });

  test("that is the original's is told apart, and never stopped by guess", async () => {
    await using home = await temporaryHome();
    await mkdir(home.path, { mode: 0o700 });
    using _original = listenAsOriginal(home.socket);
    const status = await home.agentd(["status"]);
    expect(status).toMatchObject({ exit: 0, out: expectedOriginal });
    expect(status.err).toContain("run: agentd restart");
    expect((await home.agentd(["doctor"])).out).toContain("the original agentd answers");
    const stop = await home.agentd(["stop"]);
    expect(stop.exit).toBe(4);
    expect(stop.err).toContain("stop it by hand");
  });

  test("in the foreground says why it cannot start", async () => {
    await using home = await temporaryHome();
    const ran = await home.agentd(["serve"], { env: { AGENTD_NODE_TIMEOUT_SECS: "soon" } });
    expect(ran).toMatchObject({ exit: 4, out: "" });
    expect(ran.err).toContain('\nagentd: AGENTD_NODE_TIMEOUT_SECS is "soon"');
  });

  test("is found through a relative --home and --socket, wherever it was started", async () => {
    await using home = await temporaryHome();
    const at = ["--home", "home", "--socket", "home/other.sock"];
    expect(await home.agentd([...at, "start"])).toMatchObject({ exit: 0 });
    const { out } = await home.agentd(["status", "--json", "--socket", join(home.path, "other.sock")]);
    expect(JSON.parse(out)).toMatchObject({ home: home.path, socket_path: join(home.path, "other.sock") });
    await home.agentd([...at, "stop"]);
  });
});

describe("doctor", () => {
  const problems: [what: string, spoil: (home: Home) => Promise<unknown>, says: string][] = [
    ["a home others may write to", ({ path }) => chmod(path, 0o777), "run: chmod 700"],
    [
      "a database others may read",
      ({ path }) => writeFile(join(path, "agent_state.db"), "", { mode: 0o644 }),
      "chmod 600",
    ],
    [
      "an environment file others may read",
      ({ path }) => writeFile(join(path, ".env"), "A=1", { mode: 0o644 }),
      "chmod 600",
    ],
    ["a setting that does not fit", ({ path }) => badSetting(path), "AGENTD_NODE_TIMEOUT_SECS"],
    ["something else at the socket's path", ({ socket }) => writeFile(socket, ""), "is not a socket"],
  ];
  test.each(problems)("finds %s", async (_what, spoil, says) => {
    await using home = await temporaryHome();
    await mkdir(home.path, { mode: 0o700 });
    await spoil(home);
    const ran = await home.agentd(["doctor"]);
    expect(ran).toMatchObject({ exit: 1, err: "" });
    expect(
      ran.out
        .split("\n")
        .filter((line) => line.startsWith("problem"))
        .join(),
    ).toContain(says);
  });

  test("finds nothing wrong where agentd was never run, and starts nothing", async () => {
    await using home = await temporaryHome();
    const ran = await home.agentd(["doctor", "--json"]);
    expect(ran.exit).toBe(0);
    expect(JSON.parse(ran.out)).toMatchObject({ ok: true });
    expect(existsSync(home.path)).toBe(false);
  });
});

const expectedOriginal = "running: the original agentd, which tells neither its version nor its process\n";

function listenAsOriginal(path: string): Disposable {
  const result = { status: "ok", database: "ok", running_timeout_secs: 300, context_event_limit: 50 };
  const answer = (socket: Socket, chunk: Buffer) => {
    const { id } = JSON.parse(chunk.toString()) as { id: number };
    socket.write(`${JSON.stringify({ id, result })}\n`);
  };
  const listener = Bun.listen({ unix: path, socket: { data: answer } });
  return { [Symbol.dispose]: () => listener.stop(true) };
}

function badSetting(home: string): Promise<void> {
  return writeFile(join(home, ".env"), "AGENTD_NODE_TIMEOUT_SECS=soon\n", { mode: 0o600 });
}
