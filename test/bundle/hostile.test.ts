import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { MergeReport } from "../../src/cli/bundle/merge/report.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { bundleWorld, edited, tenLines, type World } from "./world.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const hooks = `
  applypatch-msg pre-applypatch post-applypatch pre-commit pre-merge-commit prepare-commit-msg
  commit-msg post-commit pre-rebase post-checkout post-merge pre-push pre-receive update proc-receive
  post-receive post-update reference-transaction push-to-checkout pre-auto-gc post-rewrite
  sendemail-validate fsmonitor-watchman post-index-change
`
  .trim()
  .split(/\s+/);

/** Every key of git's configuration whose value is a command, or names one. */
const commandKeys = `
  core.fsmonitor core.editor core.pager core.askPass core.sshCommand core.gitProxy
  core.alternateRefsCommand diff.external diff.evil.command diff.evil.textconv filter.evil.clean
  filter.evil.smudge filter.evil.process merge.evil.driver merge.evil.recursive mergetool.evil.cmd
  difftool.evil.cmd gpg.program gpg.ssh.program gpg.x509.program gpg.ssh.defaultKeyCommand
  credential.helper sequence.editor interactive.diffFilter pager.diff pager.log trailer.evil.command
  trailer.evil.cmd uploadpack.packObjectsHook remote.origin.uploadpack remote.origin.receivepack
   submodule.inner.update alias.diff alias.merge-tree man.evil.cmd browser.evil.cmd
  imap.tunnel sendemail.sendmailCmd guitool.evil.cmd instaweb.httpd web.browser init.templateDir
  gc.recentObjectsHook tar.evil.command ssh.variant rebase.instructionFormat merge.default
`
  .trim()
  .split(/\s+/);

/** A repository in which everything git can be told to run leaves a mark where it is run, and attributes that ask for all of it. */
async function hostileWorld(): Promise<World & { marks: () => Promise<string[]> }> {
  const world = await bundleWorld(daemon, {
    "a.txt": tenLines,
    "b.txt": tenLines,
    ".gitattributes": "* filter=evil diff=evil merge=evil\n",
  });
  const marks = join(world.top, "..", "marks");
  await mkdir(marks);
  const markOf = (name: string) => `touch '${join(marks, name)}'`;
  const config = join(world.top, ".git/config");
  const set = (key: string, value: string) => world.git(["config", "--file", config, key, value]);
  const hookDirectory = join(world.top, ".git/evil-hooks");
  for (const directory of [hookDirectory, join(world.top, ".git/hooks")]) {
    for (const hook of hooks) {
      await Bun.write(join(directory, hook), `#!/bin/sh\n${markOf(`hook-${hook}`)}\n`);
      await chmod(join(directory, hook), 0o755);
    }
  }
  await Bun.write(join(world.top, ".git/info/attributes"), "* filter=evil diff=evil merge=evil\n");
  await Bun.write(join(world.top, ".git/evil-attributes"), "* filter=evil diff=evil merge=evil\n");
  for (const key of commandKeys) await set(key, key.endsWith("update") ? `!${markOf(key)}` : markOf(key));
  const flags = {
    "core.hooksPath": hookDirectory,
    "core.attributesFile": join(world.top, ".git/evil-attributes"),
    "commit.gpgSign": "true",
    "log.showSignature": "true",
    "diff.noprefix": "true",
    "color.ui": "always",
    "merge.default": "evil",
    "remote.origin.url": world.top,
    "remote.origin.promisor": "true",
    "extensions.partialClone": "origin",
    "core.repositoryFormatVersion": "1",
    "protocol.allow": "always",
  };
  for (const [key, value] of Object.entries(flags)) await set(key, value);
  return { ...world, marks: () => readdir(marks) };
}

describe("a repository that has everything git could run", () => {
  test("runs none of it, neither in making bundles nor in comparing, merging and deciding on them", async () => {
    await using world = await hostileWorld();
    const bare = { env: { GIT_CONFIG_GLOBAL: "/dev/null" } };
    const base = (await world.git(["rev-parse", "HEAD"])).trim();
    const run = async (...args: string[]) => {
      const ran = await world.agentd(args, bare);
      expect([args, ran.exit, ran.err, await world.marks()]).toEqual([args, 0, "", []]);
      return ran.out;
    };
    // Work tree: what a filter would read is refused, so that what is committed has to do.
    await world.write({ "a.txt": edited({ 1: "mine" }) });
    const refused = await world.agentd(["bundle", "create"], bare);
    expect([refused.exit, await world.marks()]).toEqual([2, []]);
    expect(refused.err).toContain("a filter of this repository's reads a.txt");

    for (const [name, line] of Object.entries({ one: 1, two: 10, three: 1 })) await branchOf(world, name, base, line);
    expect(await world.marks()).toEqual([]);
    for (const name of ["one", "two", "three"]) {
      await run(
        "bundle",
        "create",
        "--head",
        name,
        "--base",
        base,
        "--verify",
        "test -s a.txt",
        "--owner",
        name,
        "--json",
      );
    }
    // A base that is nowhere must not be fetched.
    const unknown = { base_revision: "1".repeat(40), head_revision: "2".repeat(40), touched_paths: ["b.txt"] };
    const about = { provider: "x", owner: "four", scope: join(world.top, ".git"), diff_summary: "s" };
    const verification = [{ command: "true", exit_code: 0 }];
    await daemon.client.call("SubmitPatchBundle", { ...unknown, ...about, verification, confidence: "low" });
    await run("bundle", "list");
    await run("bundle", "compare", "--onto", base);
    const words = ["--onto", base, "--verify", "test -s a.txt", "--branch", "merged", "--json"];
    const report = JSON.parse(await run("bundle", "merge", ...words)) as MergeReport;
    expect(report.bundles.map(({ owner, outcome }) => `${owner} ${outcome}`).toSorted()).toEqual([
      "four left",
      "one accepted",
      "three rejected",
      "two rejected",
    ]);
    await run(
      "bundle",
      "decide",
      report.bundles.find(({ owner }) => owner === "four")?.bundle_id ?? "",
      "rejected",
      "--reason",
      "r",
    );
  });

  test("runs none of it of a submodule's either", async () => {
    await using world = await bundleWorld(daemon, { "a.txt": tenLines });
    const mark = join(world.top, "..", "mark");
    await world.git(["init", "-q", "-b", "main", "inner"]);
    await world.write({ "inner/x.txt": "x\n" });
    await world.commit("x", join(world.top, "inner"));
    await world.git(["submodule", "--quiet", "add", "./inner", "inner"]);
    await world.commit("with a submodule");
    const inner = join(world.top, "inner");
    for (const key of ["core.fsmonitor", "filter.evil.clean", "diff.external"])
      await world.git(["config", key, `touch '${mark}'`], inner);
    await Bun.write(join(inner, ".gitattributes"), "* filter=evil\n");
    await Bun.write(join(inner, "x.txt"), "changed\n");
    await world.write({ "a.txt": edited({ 1: "mine" }) });
    const paths = await world.agentd(["bundle", "create", "--base", "HEAD", "--get", "touched_paths"]);
    expect(paths).toMatchObject({ exit: 0, out: '["a.txt"]\n' });
    expect(await Bun.file(mark).exists()).toBe(false);
  });

  test("does run them where git is called plainly, or the marks would prove nothing", async () => {
    await using world = await hostileWorld();
    await world.write({ "a.txt": edited({ 1: "mine" }) });
    await world.git(["add", "a.txt"]).catch(() => {});
    await world.git(["update-ref", "refs/heads/x", "HEAD"]).catch(() => {});
    const marks = await world.marks();
    expect(marks).toContain("core.fsmonitor");
    expect(marks).toContain("filter.evil.process");
    expect(marks).toContain("hook-reference-transaction");
  });
});

/** A branch with a commit that changes one line, made without anything git could run. */
async function branchOf(world: World, name: string, base: string, line: number): Promise<void> {
  const bare = { ...process.env, GIT_DIR: join(world.top, ".git"), GIT_INDEX_FILE: join(world.top, "..", "index") };
  const identity = {
    GIT_AUTHOR_NAME: "A",
    GIT_AUTHOR_EMAIL: "a@b",
    GIT_COMMITTER_NAME: "A",
    GIT_COMMITTER_EMAIL: "a@b",
  };
  const git = (words: string[], input = "") => {
    const none = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"];
    const env = { ...bare, ...identity };
    const ran = Bun.spawnSync(["git", ...none, ...words], {
      cwd: join(world.top, ".."),
      env,
      stdin: Buffer.from(input),
    });
    if (ran.exitCode !== 0) throw new Error(ran.stderr.toString());
    return ran.stdout.toString().trim();
  };
  git(["read-tree", base]);
  const blob = git(["hash-object", "-w", "--stdin", "--no-filters"], edited({ [line]: name }));
  git(["update-index", "--cacheinfo", `100644,${blob},a.txt`]);
  const commit = git(["commit-tree", "--no-gpg-sign", git(["write-tree"]), "-p", base, "-m", name]);
  git(["update-ref", `refs/heads/${name}`, commit]);
}
