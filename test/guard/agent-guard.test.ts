import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { agents } from "../../src/cli/guard/agents.ts";
import { limits } from "../../src/protocol/limits.ts";
import type { Result } from "../../src/protocol/methods.ts";
import { startDaemon, temporaryHome, type TestDaemon } from "../support/daemon.ts";
import { questions } from "./agent-questions.ts";
import { type Directory, runGit, temporaryRepository } from "./world.ts";

let daemon: TestDaemon;
beforeAll(async () => void (daemon = await startDaemon()));
afterAll(() => daemon[Symbol.asyncDispose]());

type Locks = Result<"ListResourceLocks">["locks"];

async function locksOf(owner: string): Promise<Locks> {
  return (await daemon.client.call("ListResourceLocks", { owner })).locks;
}

let sessions = 0;
/** A session nobody else has. */
function newSession(): string {
  return `session-${++sessions}`;
}

function ask(name: string, question: object, env: Record<string, string> = {}) {
  return daemon.agentd(["guard", "agent-hook", name], { stdin: JSON.stringify(question), env });
}

/** `allowed`, or else what the agent is told. */
function verdict(name: string, { exit, out, err }: { exit: number; out: string; err: string }): string {
  const allowed = agents[name]?.answer(null);
  return exit === allowed?.exit && out === allowed.out && err === "" ? "allowed" : `${out}${err}`;
}

function edit(name: string, session: string, world: Directory, path: string, env: Record<string, string> = {}) {
  const question = questions[name]?.edit(session, join(world.path, "repository"), path);
  return ask(name, question ?? {}, env).then((ran) => verdict(name, ran));
}

describe.each(Object.keys(agents))("a session of %s", (name) => {
  test("locks each file before it edits it, all under one lease", async () => {
    await using world = await temporaryRepository();
    const session = newSession();
    const owner = `${name}:${session}`;
    expect(await edit(name, session, world, "src/a.ts")).toBe("allowed");
    expect(await edit(name, session, world, "first.txt")).toBe("allowed");
    expect(await edit(name, session, world, "src/a.ts")).toBe("allowed");
    const locks = await locksOf(owner);
    expect(locks.map(({ resource_key, scope, mode, provider }) => [resource_key, scope, mode, provider])).toEqual(
      ["file:first.txt", "file:src/a.ts"].map((key) => [key, join(world.path, "repository/.git"), "exclusive", name]),
    );
    expect(new Set(locks.map(({ lease_id }) => lease_id)).size).toBe(1);
  });

  test("is refused what another session holds, with who holds it and for how long", async () => {
    await using world = await temporaryRepository();
    const [one, two] = [newSession(), newSession()];
    expect(await edit(name, one, world, "src/a.ts")).toBe("allowed");
    const refused = await edit(name, two, world, "src/a.ts");
    expect(refused).toContain("agentd: the edit is refused: others hold what it changes");
    expect(refused).toMatch(
      new RegExp(`held by \\\\?"${name}:${one}\\\\?" \\(${name}\\) since .*, for (15m|14m 5\\ds) more`),
    );
    expect(await locksOf(`${name}:${two}`)).toEqual([]);
    expect(await edit(name, two, world, "src/b.ts")).toBe("allowed");
  });

  test("gives its locks back at its end, if it tells of one", async () => {
    await using world = await temporaryRepository();
    const session = newSession();
    await edit(name, session, world, "src/a.ts");
    const question = questions[name]?.end?.(session);
    if (question === undefined) return;
    expect(verdict(name, await ask(name, question))).toBe("allowed");
    expect(await locksOf(`${name}:${session}`)).toEqual([]);
    expect(verdict(name, await ask(name, question))).toBe("allowed");
  });

  test("is refused an edit that cannot be checked, and told of the bypass", async () => {
    await using home = await temporaryHome();
    await using world = await temporaryRepository();
    const stdin = JSON.stringify(questions[name]?.edit("s", join(world.path, "repository"), "a.ts"));
    const refused = await home.agentd(["guard", "agent-hook", name], { stdin, env: { AGENTD_NO_START: "1" } });
    expect(verdict(name, refused)).toContain("could not check whether others hold what the edit changes");
    expect(verdict(name, refused)).toContain("AGENTD_GUARD=off");
  });
});

describe("an agent's edit", () => {
  const claude = "claude-code";

  test("in one work tree stands in the way of an edit in another, and of a commit", async () => {
    await using world = await temporaryRepository();
    await world.git(["worktree", "add", "-q", "../linked", "-b", "other"], "repository");
    const [one, two] = [newSession(), newSession()];
    expect(await edit(claude, one, world, join(world.path, "linked/first.txt"))).toBe("allowed");
    expect(await edit(claude, two, world, join(world.path, "repository/first.txt"))).toContain("refused");
    await daemon.agentd(["guard", "install"], { cwd: join(world.path, "repository") });
    await world.write("linked/first.txt", "changed\n");
    const commit = (session: string) =>
      runGit(join(world.path, "linked"), ["commit", "-q", "-a", "-m", "x"], {
        AGENTD_HOME: daemon.path,
        CLAUDE_CODE_SESSION_ID: session,
      });
    expect(await commit(two)).toMatchObject({ exit: 1 });
    expect(await commit(one)).toMatchObject({ exit: 0 });
  });

  test.each([
    ["a directory that is not there yet", "new/deep/file.ts", ["file:new/deep/file.ts"]],
    ["a linked directory", "short/a.ts", ["file:src/a.ts"]],
    ["a linked file, and what it leads to", "alias.txt", ["file:alias.txt", "file:first.txt"]],
    ["a name with a line end", "two\nlines", ["file:two\nlines"]],
    ["the way round", "src/../first.txt", ["file:first.txt"]],
  ])("in %s", async (_name, path, keys) => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    await mkdir(join(top, "src"));
    await symlink("src", join(top, "short"));
    await symlink("first.txt", join(top, "alias.txt"));
    const session = newSession();
    expect(await edit(claude, session, world, path)).toBe("allowed");
    const locks = await locksOf(`${claude}:${session}`);
    expect(locks.map(({ resource_key }) => resource_key)).toEqual(keys);
  });

  test("outside of any repository is locked by its absolute path, for all", async () => {
    await using world = await temporaryRepository();
    const path = join(world.path, "outside.txt");
    const [one, two] = [newSession(), newSession()];
    expect(await edit(claude, one, world, path)).toBe("allowed");
    expect((await locksOf(`${claude}:${one}`)).map((lock) => [lock.resource_key, lock.scope])).toEqual([
      [`file:${path}`, null],
    ]);
    expect(await edit(claude, two, world, path)).toContain(`  ${path}\n`.replaceAll("\n", String.raw`\n`));
  });

  test("of several files is all or nothing, also between two repositories", async () => {
    await using world = await temporaryRepository();
    await world.git(["init", "-q", "other"]);
    const [one, two] = [newSession(), newSession()];
    const other = join(world.path, "other/x");
    await edit("codex", one, world, other);
    const patch = [
      "*** Begin Patch",
      "*** Add File: a.ts",
      "*** Add File: b.ts",
      `*** Add File: ${other}`,
      "*** End Patch",
    ].join("\n");
    const question = {
      session_id: two,
      cwd: join(world.path, "repository"),
      tool_name: "apply_patch",
      tool_input: { command: patch },
    };
    expect(verdict("codex", await ask("codex", question))).toContain(`codex:${one}`);
    expect(await locksOf(`codex:${two}`)).toEqual([]);
    await daemon.client.call("ReleaseResourceLock", { lease_id: (await locksOf(`codex:${one}`))[0]?.lease_id ?? "" });
    expect(verdict("codex", await ask("codex", question))).toBe("allowed");
    const locks = await locksOf(`codex:${two}`);
    expect(locks.map(({ resource_key }) => resource_key).toSorted()).toEqual(["file:a.ts", "file:b.ts", "file:x"]);
    expect(new Set(locks.map(({ lease_id }) => lease_id)).size).toBe(1);
  });

  test("at the same moment as others' is made by one of them", async () => {
    await using world = await temporaryRepository();
    const verdicts = await Promise.all(Array.from({ length: 6 }, () => edit(claude, newSession(), world, "a.ts")));
    expect(verdicts.filter((each) => each === "allowed")).toHaveLength(1);
    expect(verdicts.filter((each) => each.includes("the edit is refused"))).toHaveLength(5);
  });

  test("at the same moment as others of the same session is made", async () => {
    await using world = await temporaryRepository();
    const session = newSession();
    const paths = ["a.ts", "a.ts", "a.ts", "b.ts", "b.ts", "b.ts"];
    const verdicts = await Promise.all(paths.map((path) => edit(claude, session, world, path)));
    expect(verdicts).toEqual(paths.map(() => "allowed"));
  });

  test("of what its own environment holds needs no lock", async () => {
    await using world = await temporaryRepository();
    const scope = join(world.path, "repository/.git");
    const taken = await daemon.client.call("AcquireResourceLocks", {
      locks: [{ resource_key: "dir:src" }],
      owner: "ann",
      scope,
    });
    const session = newSession();
    expect(await edit(claude, session, world, "src/a.ts")).toContain('held by \\"ann\\" as dir:src');
    expect(await edit(claude, session, world, "src/a.ts", { AGENTD_OWNER: "ann" })).toBe("allowed");
    expect(await edit(claude, session, world, "src/a.ts", { AGENTD_LOCK_LEASE_ID: taken?.lease_id ?? "" })).toBe(
      "allowed",
    );
    expect(await locksOf(`${claude}:${session}`)).toEqual([]);
  });

  test("keeps all the session holds for a further quarter of an hour", async () => {
    await using world = await temporaryRepository();
    const session = newSession();
    await edit(claude, session, world, "a.ts");
    const [lock] = await locksOf(`${claude}:${session}`);
    const { lease_id = "", resource_key = "" } = lock ?? {};
    await daemon.client.call("HeartbeatResourceLock", { lease_id, resource_key, ttl_secs: 60 });
    await edit(claude, session, world, "a.ts");
    const [kept] = await locksOf(`${claude}:${session}`);
    expect((kept?.lease_expires_at ?? 0) - Date.now() / 1000).toBeGreaterThan(800);
  });

  test("of more files than one lease holds takes another, and each edit keeps both", async () => {
    await using world = await temporaryRepository();
    const [session, scope] = [newSession(), join(world.path, "repository/.git")];
    const owner = `${claude}:${session}`;
    let lease_id: string | undefined;
    for (let done = 0; done < limits.leaseLocksMax; done += 250) {
      const locks = Array.from({ length: 250 }, (_, index) => ({ resource_key: `file:many/${done + index}` }));
      const wish = { locks, owner, provider: claude, scope, ttl_secs: 60, lease_id };
      lease_id = (await daemon.client.call("AcquireResourceLocks", wish))?.lease_id;
    }
    for (const path of ["one.ts", "two.ts"]) expect(await edit(claude, session, world, path)).toBe("allowed");
    const locks = await locksOf(owner);
    expect(locks).toHaveLength(limits.leaseLocksMax + 2);
    expect(new Set(locks.map((lock) => lock.lease_id)).size).toBe(2);
    const soonest = Math.min(...locks.map((lock) => lock.lease_expires_at));
    expect(soonest - Date.now() / 1000).toBeGreaterThan(800);
  });

  test("is journalled when the guard is off, and let pass", async () => {
    await using world = await temporaryRepository();
    const [one, two] = [newSession(), newSession()];
    await edit(claude, one, world, "a.ts");
    expect(await edit(claude, two, world, "a.ts", { AGENTD_GUARD: "off", USER: "" })).toBe("allowed");
    const { events } = await daemon.json<{ events: { payload: object }[] }>("event", "list", "--type", "GUARD_BYPASS");
    expect(events.at(-1)?.payload).toMatchObject({
      guard: claude,
      owner: `${claude}:${two}`,
      resource_keys: ["file:a.ts"],
      count: 1,
    });
  });

  test("that nobody can read is refused, but nothing else is", async () => {
    expect(verdict(claude, await daemon.agentd(["guard", "agent-hook", claude], { stdin: "no JSON" }))).toContain(
      "could not check",
    );
    expect(verdict(claude, await ask(claude, { session_id: "s", tool_name: "Edit", tool_input: {} }))).toContain(
      "the agent did not say which file it edits",
    );
    expect(verdict(claude, await ask(claude, { session_id: "s", tool_name: "Bash", tool_input: {} }))).toBe("allowed");
    await using world = await temporaryRepository();
    await world.write("repository/moved/.git", "gitdir: ../gone\n");
    const refused = await edit(claude, newSession(), world, "moved/a.ts");
    expect(refused).toContain("where no repository is");
    expect(refused).not.toContain("bug");
  });
});
