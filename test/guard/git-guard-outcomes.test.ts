import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { startDaemon, temporaryHome, type TestDaemon } from "../support/daemon.ts";
import { guarded, peerHolds } from "./guarded.ts";
import { gitIdentity, runGit } from "./world.ts";

let daemon: TestDaemon;
beforeAll(async () => void (daemon = await startDaemon()));
afterAll(() => daemon[Symbol.asyncDispose]());

describe("own locks", () => {
  test.each([
    ["by the owner's name", () => ({ AGENTD_OWNER: "codex-1" })],
    ["by the lease of a node", (lease: string) => ({ AGENTD_LEASE_ID: lease })],
    ["by the lease of `agentd lock run`", (lease: string) => ({ AGENTD_LOCK_LEASE_ID: lease.toUpperCase() })],
  ])("pass, known %s", async (_name, environment) => {
    await using world = await guarded(daemon);
    const lease = await peerHolds(daemon, world.scope, ["file:first.txt"]);
    await world.write("repository/first.txt", "changed\n");
    expect(await world.commit({ AGENTD_OWNER: "codex-2", AGENTD_LEASE_ID: world.path })).toMatchObject({ exit: 1 });
    expect(await world.commit(environment(lease))).toMatchObject({ exit: 0, err: "" });
  });

  test("of `agentd lock run` pass in what it runs, and nowhere else meanwhile", async () => {
    await using world = await guarded(daemon);
    await world.write("repository/first.txt", "changed\n");
    await world.git(["add", "--all"], "repository");
    const commit = (message: string) => ["git", "commit", "-q", "-m", message];
    const within = `env -u AGENTD_OWNER -u AGENTD_LOCK_LEASE_ID ${commit("other").join(" ")} || ${commit("own").join(" ")}`;
    const env = { ...gitIdentity, AGENTD_OWNER: "ann" };
    const ran = await daemon.agentd(["lock", "run", "file:first.txt", "--", "sh", "-c", within], {
      cwd: world.top,
      env,
    });
    expect(ran).toMatchObject({ exit: 0 });
    expect(ran.err).toContain('held by "ann"');
    expect(await world.git(["log", "-1", "--format=%s"], "repository")).toBe("own\n");
  });

  test("of an agent's session pass in its own shell", async () => {
    await using world = await guarded(daemon);
    await peerHolds(daemon, world.scope, ["file:first.txt"], { owner: "claude-code:s1", provider: "claude-code" });
    await world.write("repository/first.txt", "changed\n");
    expect(await world.commit({ CLAUDE_CODE_SESSION_ID: "s2" })).toMatchObject({ exit: 1 });
    expect(await world.commit({ CLAUDE_CODE_SESSION_ID: "s1" })).toMatchObject({ exit: 0, err: "" });
  });

  test("of an agent whose shells do not say so are named for it", async () => {
    await using world = await guarded(daemon);
    await peerHolds(daemon, world.scope, ["file:first.txt"], { owner: "gemini-cli:g1", provider: "gemini-cli" });
    await world.write("repository/first.txt", "changed\n");
    expect((await world.commit()).err).toContain("if you are that session: AGENTD_OWNER='gemini-cli:g1' git commit");
  });
});

describe("a commit that cannot be checked", () => {
  test("is refused while the daemon is stopped, and the bypass is named", async () => {
    await using home = await temporaryHome();
    await using world = await guarded(home);
    await home.agentd(["start"]);
    await home.agentd(["stop"]);
    await world.write("repository/free.txt", "x\n");
    const refused = await world.commit();
    expect(refused.exit).toBe(1);
    expect(refused.err).toBe(
      "agentd: could not check whether others hold files that the commit changes, so it is refused:\n" +
        "  the daemon was stopped with `agentd stop`; run: agentd start\n" +
        "AGENTD_GUARD=off passes the guard, and is journalled: AGENTD_GUARD=off git commit …\n",
    );
    const passed = await world.commit({ AGENTD_GUARD: "off" });
    expect(passed).toMatchObject({ exit: 0 });
    expect(passed.err).toContain("checked nothing; no daemon was there to journal it");
    expect(await home.agentd(["status"])).toMatchObject({ exit: 4 });
  });

  test("but changes nothing needs no daemon", async () => {
    await using home = await temporaryHome();
    await using world = await guarded(home);
    const env = { AGENTD_HOME: home.path, AGENTD_NO_START: "1" };
    expect(await runGit(world.top, ["commit", "-q", "--allow-empty", "-m", "nothing"], env)).toMatchObject({ exit: 0 });
  });

  test("starts a daemon that was never stopped, and passes", async () => {
    await using home = await temporaryHome();
    await using world = await guarded(home);
    await world.write("repository/free.txt", "x\n");
    expect(await world.commit({ AGENTD_NO_START: "1" })).toMatchObject({ exit: 1 });
    expect(await world.commit()).toMatchObject({ exit: 0, err: "" });
    expect(await home.agentd(["status"])).toMatchObject({ exit: 0 });
  });

  test("is refused when what listens gives no answer agentd would give", async () => {
    await using home = await temporaryHome();
    await using world = await guarded(home);
    await mkdir(home.path, { recursive: true, mode: 0o700 });
    using _stranger = Bun.listen({ unix: home.socket, socket: { data: (socket) => void socket.write("hello\n") } });
    await world.write("repository/free.txt", "x\n");
    const refused = await world.commit();
    expect(refused.exit).toBe(1);
    expect(refused.err).toContain("could not check");
    expect(refused.err).toContain("does not speak agentd's protocol");
  });
});

describe("the bypass", () => {
  test("passes, and is in the journal with what it passed by", async () => {
    await using world = await guarded(daemon);
    await peerHolds(daemon, world.scope, ["file:first.txt"]);
    await world.write("repository/first.txt", "changed\n");
    const passed = await world.commit({ AGENTD_GUARD: "off", AGENTD_OWNER: "ann" });
    expect(passed.exit).toBe(0);
    expect(passed.err).toBe(
      "agentd: the guard is off (AGENTD_GUARD=off) and pre-commit checked nothing; this is in the journal\n",
    );
    const { events } = await daemon.json<{ events: { payload: object }[] }>("event", "list", "--type", "GUARD_BYPASS");
    expect(events.at(-1)?.payload).toEqual({
      guard: "pre-commit",
      owner: "ann",
      scope: world.scope,
      resource_keys: ["file:first.txt"],
      count: 1,
    });
  });

  test("is no other value than off", async () => {
    await using world = await guarded(daemon);
    await peerHolds(daemon, world.scope, ["file:first.txt"]);
    await world.write("repository/first.txt", "changed\n");
    expect(await world.commit({ AGENTD_GUARD: "1" })).toMatchObject({ exit: 1 });
  });
});
