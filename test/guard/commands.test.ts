import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { agents } from "../../src/cli/guard/agents.ts";
import { program as agentd, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { rejectionOf } from "../support/rejection.ts";
import { temporaryDirectory, temporaryRepository } from "./world.ts";

let daemon: TestDaemon;
beforeAll(async () => void (daemon = await startDaemon()));
afterAll(() => daemon[Symbol.asyncDispose]());

function guard(cwd: string, ...words: string[]) {
  return daemon.agentd(["guard", ...words], { cwd });
}

interface Status {
  scope: string;
  hooks_directory: string;
  hooks: { hook: string; state: string; program: string[] | null; chained: string | null }[];
  agents: { agent: string; state: string; program: string | null }[];
}

async function statusOf(cwd: string): Promise<Status> {
  return JSON.parse((await guard(cwd, "status", "--json")).out) as Status;
}

const installed = (list: Status["hooks"] | Status["agents"]) =>
  list.flatMap((each) => (each.state === "installed" ? ["hook" in each ? each.hook : each.agent] : []));

describe("guard install", () => {
  test("guards commits, and what else is named", async () => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    expect((await guard(top, "install")).out).toMatch(/pre-commit +installed +\S+\/\.git\/hooks\/pre-commit\n/);
    expect(installed((await statusOf(top)).hooks)).toEqual(["pre-commit", "pre-merge-commit"]);
    await mkdir(join(top, "src"));
    const all = Object.keys(agents);
    const more = await guard(
      join(top, "src"),
      "install",
      "--hooks",
      "pre-push,pre-merge-commit",
      "--agents",
      all.join(","),
    );
    expect(more.exit).toBe(0);
    expect(more.err).toBe("next: in Codex, trust the hook with /hooks\n");
    const status = await statusOf(top);
    expect(installed(status.hooks)).toEqual(["pre-commit", "pre-merge-commit", "pre-push"]);
    expect(installed(status.agents)).toEqual(all);
    expect(status.hooks[0]?.program).toEqual(agentd);
    expect(status.agents[0]?.program).toBe(agentd[0] ?? "");
    expect((await guard(top, "install", "--agents", "codex")).out).toMatch(/pre-commit +unchanged[^]*codex +unchanged/);
  });

  test("names what it cannot guard, and changes nothing then", async () => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    expect(await guard(top, "install", "--hooks", "pre-comit")).toMatchObject({
      exit: 2,
      err: "agentd: --hooks names pre-comit (did you mean pre-commit?); it can name pre-commit, pre-merge-commit, pre-push\n",
    });
    const unknown = await guard(top, "install", "--agents", "codex,aider");
    expect(unknown.exit).toBe(2);
    expect(unknown.err).toContain("--agents names aider");
    expect(installed((await statusOf(top)).hooks)).toEqual([]);
  });

  test("outside of a work tree is refused", async () => {
    await using directory = await temporaryDirectory();
    expect(await guard(directory.path, "install")).toMatchObject({
      exit: 2,
      err: "agentd: there is no git work tree here; run it in one\n",
    });
  });

  test("does not guard other repositories unasked", async () => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    await world.git(["config", "core.hooksPath", join(world.path, "everybodys")], "repository");
    const refused = await guard(top, "install");
    expect(refused.exit).toBe(1);
    expect(refused.err).toContain("outside of this repository");
    expect(await readdir(world.path)).toEqual(["repository"]);
    expect(await guard(top, "install", "--shared-hooks")).toMatchObject({ exit: 0 });
    expect((await readdir(join(world.path, "everybodys"))).toSorted()).toEqual(["pre-commit", "pre-merge-commit"]);
  });

  test("is refused where git runs no hooks", async () => {
    await using world = await temporaryRepository();
    await world.git(["config", "core.hooksPath", "/dev/null"], "repository");
    const refused = await guard(join(world.path, "repository"), "install", "--shared-hooks");
    expect(refused.exit).toBe(1);
    expect(refused.err).toContain("/dev/null is no directory, so git runs no hooks");
  });

  test("says what the system does not let it do", async () => {
    await using world = await temporaryRepository();
    await world.git(["config", "core.hooksPath", "first.txt/hooks"], "repository");
    const refused = await guard(join(world.path, "repository"), "install");
    expect(refused.exit).toBe(1);
    expect(refused.err).toMatch(/^agentd: .*first\.txt.*; what was done before is shown by: agentd guard status\n$/);
  });

  test("says so when the hooks are among the work tree's files", async () => {
    await using world = await temporaryRepository();
    await world.git(["config", "core.hooksPath", ".githooks"], "repository");
    const done = await guard(join(world.path, "repository"), "install");
    expect(done.exit).toBe(0);
    expect(done.err).toContain("/.githooks is part of the work tree");
  });

  test("for another home asks the daemon of that home", async () => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    await guard(top, "install", "--home", "../its home");
    expect((await statusOf(top)).hooks[0]).toMatchObject({
      state: "outdated",
      program: [...agentd, "--home", join(world.path, "its home")],
    });
  });
});

describe("with core.hooksPath set to nothing, where git looks for hooks in /", () => {
  test("guard install puts none into the work tree, and says why", async () => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    await world.git(["config", "core.hooksPath", ""], "repository");
    for (const words of [[], ["--shared-hooks"]]) {
      const refused = await guard(top, "install", ...words);
      expect(refused).toMatchObject({ exit: 1, out: "" });
      expect(refused.err).toContain("core.hooksPath is set to nothing, so git looks for hooks in / and runs none");
    }
    expect((await readdir(top)).toSorted()).toEqual([".git", "first.txt"]);
    expect((await statusOf(top)).hooks_directory).toBe("/");
  });
});

describe("guard status and uninstall", () => {
  test("find the guard that another tool has renamed", async () => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    const hook = join(top, ".git/hooks/pre-commit");
    expect(await guard(top, "install")).toMatchObject({ exit: 0 });
    await rename(hook, `${hook}.legacy`);
    await Bun.write(hook, "#!/bin/sh\n# File generated by pre-commit: https://pre-commit.com\n");
    const told = `pre-commit has renamed the guard of pre-commit to ${hook}.legacy, and may run it or not; to put it back: agentd guard install --hooks pre-commit`;
    expect((await guard(top, "status")).err).toContain(told);
    expect((await statusOf(top)).hooks[0]).toMatchObject({ state: "displaced", elsewhere: [`${hook}.legacy`] });
    const back = await guard(top, "install");
    expect(back.err).toContain(`pre-commit had renamed the guard to ${hook}.legacy; it is in its place again`);
    expect(back.out).toMatch(/installed.*after the hook that was there, of pre-commit/);
    await rename(hook, `${hook}.old`);
    expect((await guard(top, "uninstall")).out).toContain(`${hook}.old`);
    expect(await Bun.file(hook).text()).toContain("generated by pre-commit");
    expect((await guard(top, "uninstall")).out).toContain("no guard was installed here");
  });
});

describe("guard uninstall", () => {
  test("takes all out that was put in, and tells what", async () => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    await world.write("repository/.git/hooks/pre-push", "mine\n");
    await world.write("repository/.claude/settings.local.json", "{ }\n");
    const before = await world.git(["status", "--porcelain", "--ignored"], "repository");
    const hooks = await readdir(join(top, ".git/hooks"));
    await guard(top, "install", "--hooks", "pre-commit,pre-push", "--agents", "claude-code,codex");
    expect((await guard(top, "uninstall")).out).toMatch(
      /pre-commit +removed[^]*pre-push +restored[^]*claude-code +restored[^]*codex +removed/,
    );
    expect(await world.git(["status", "--porcelain", "--ignored"], "repository")).toBe(before);
    expect(await readdir(join(top, ".git/hooks"))).toEqual(hooks);
    expect(await guard(top, "uninstall")).toMatchObject({ exit: 0, out: "no guard was installed here\n" });
  });

  test("takes out only what is named", async () => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    await guard(top, "install", "--agents", "claude-code,codex");
    await guard(top, "uninstall", "--hooks", "none", "--agents", "codex");
    const { hooks, agents: guarded } = await statusOf(top);
    expect([...installed(hooks), ...installed(guarded)]).toEqual(["pre-commit", "pre-merge-commit", "claude-code"]);
  });
});

describe("guard status", () => {
  test("tells a hook that is not the guard from none", async () => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    await world.write("repository/.git/hooks/pre-commit", "mine\n");
    await world.write("repository/.git/hooks/pre-push", "mine\n");
    await guard(top, "install");
    const { scope, hooks_directory, hooks } = await statusOf(top);
    expect([scope, hooks_directory]).toEqual([join(top, ".git"), join(top, ".git/hooks")]);
    expect(hooks.map(({ hook, state, chained }) => [hook, state, chained])).toEqual([
      ["pre-commit", "installed", join(top, ".git/hooks/pre-commit.before-agentd")],
      ["pre-merge-commit", "installed", null],
      ["pre-push", "foreign", null],
    ]);
    expect((await guard(top, "status")).out).toMatch(/pre-push +foreign/);
  });
});

describe("opencode's plugin", () => {
  interface Hooks {
    "tool.execute.before"(input: { tool: string; sessionID: string }, output: { args: object }): Promise<void>;
    "shell.env"(input: { sessionID?: string }, output: { env: Record<string, string> }): Promise<void>;
    event(input: { event: { type: string; properties: object } }): Promise<void>;
  }

  test("throws what the guard says, tells shells whose they are, and ends a session", async () => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    await guard(top, "install", "--hooks", "none", "--agents", "opencode");
    const plugin = (await import(join(top, ".opencode/plugins/agentd-guard.js"))) as {
      AgentdGuard(context: { directory: string }): Promise<Hooks>;
    };
    const hooks = await plugin.AgentdGuard({ directory: top });
    const before = (tool: string, sessionID: string, args: object) =>
      hooks["tool.execute.before"]({ tool, sessionID }, { args });
    const home = process.env.AGENTD_HOME;
    process.env.AGENTD_HOME = daemon.path;
    try {
      await before("write", "one", { filePath: "a.ts" });
      await before("bash", "two", { command: "touch a.ts" });
      const refused = await rejectionOf(before("edit", "two", { filePath: "a.ts" }));
      expect(refused.message).toContain('held by "opencode:one"');
      const env = {};
      await hooks["shell.env"]({ sessionID: "one" }, { env });
      expect(env).toEqual({ AGENTD_OPENCODE_SESSION: "one" });
      await hooks.event({ event: { type: "session.deleted", properties: { info: { id: "one" } } } });
      await before("edit", "two", { filePath: "a.ts" });
    } finally {
      if (home === undefined) delete process.env.AGENTD_HOME;
      else process.env.AGENTD_HOME = home;
    }
  });
});
