import { mkdir, mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ParamsInput } from "../../src/protocol/methods.ts";
import { gitIdentity, runGit } from "../guard/world.ts";
import type { Ran, RunOptions, TestDaemon } from "../support/daemon.ts";
import { fastDirectory } from "../support/fast-directory.ts";

/** Contents by path; null removes a file. */
export type Changes = Readonly<Record<string, string | Uint8Array | null>>;

/** A repository with one commit on `main`, what agentd's commands say in it, and what they leave. */
export interface World extends AsyncDisposable {
  /** The repository's top. */
  top: string;
  /** Where agentd's temporary files go. */
  temporary: string;
  git(words: readonly string[], at?: string): Promise<string>;
  write(files: Changes, at?: string): Promise<void>;
  /** Commits all there is, and gives the commit. */
  commit(message: string, at?: string): Promise<string>;
  agentd(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The same for a command that must succeed, and what it tells programs. */
  json<Shape>(args: readonly string[], options?: RunOptions): Promise<Shape>;
  /**
   * Hands in what `changes` make of `main`, or of `base_revision`, as its owner's, with a verification that passed unless
   * `more` says otherwise. Gives the bundle's id.
   */
  submit(owner: string, changes: Changes, more?: Partial<ParamsInput<"SubmitPatchBundle">>): Promise<string>;
  /** What git shows of the repository, and what is left of agentd's temporary files. */
  trace(): Promise<string>;
}

/** Ten lines, so that the first and the last can be changed without the other. */
export const tenLines = Array.from({ length: 10 }, (_line, i) => `line ${i + 1}\n`).join("");

/** `tenLines` with some of them replaced. */
export function edited(lines: Readonly<Record<number, string>>): string {
  const old = tenLines.split("\n");
  return old.map((line, i) => lines[i + 1] ?? line).join("\n");
}

export async function bundleWorld(daemon: TestDaemon, files: Changes): Promise<World> {
  const directory = await realpath(await mkdtemp(join(fastDirectory, "agentd-bundles-")));
  const top = join(directory, "repository");
  const temporary = join(directory, "tmp");
  const git: World["git"] = async (words, at = top) => {
    const { exit, out, err } = await runGit(at, words);
    if (exit !== 0) throw new Error(`git ${words.join(" ")} ended with ${exit}: ${err}`);
    return out;
  };
  const write: World["write"] = async (all, at = top) => {
    for (const [name, content] of Object.entries(all)) {
      if (content === null) await rm(join(at, name), { recursive: true });
      else await Bun.write(join(at, name), content);
    }
  };
  const agentd: World["agentd"] = (args, { env = {}, ...options } = {}) =>
    daemon.agentd(args, { cwd: top, ...options, env: { ...gitIdentity, TMPDIR: temporary, USER: "ada", ...env } });
  const commit: World["commit"] = async (message, at = top) => {
    await git(["add", "--all"], at);
    await git(["commit", "-q", "-m", message], at);
    return (await git(["rev-parse", "HEAD"], at)).trim();
  };
  const world: World = {
    top,
    temporary,
    git,
    write,
    commit,
    agentd,
    async json<Shape>(args: readonly string[], options?: RunOptions): Promise<Shape> {
      const { exit, out, err } = await agentd([...args, "--json"], options);
      if (exit !== 0 || err !== "") throw new Error(`agentd ${args.join(" ")} ended with ${exit}: ${err}`);
      return JSON.parse(out) as Shape;
    },
    async submit(owner, changes, more = {}) {
      const cwd = join(directory, owner);
      const base_revision = more.base_revision ?? (await git(["rev-parse", "main"])).trim();
      await git(["worktree", "add", "-q", "--detach", cwd, base_revision]);
      await write(changes, cwd);
      await git(["add", "--all"], cwd);
      const asMerged = ["--histogram", "--no-indent-heuristic", "-M"];
      const diff = await git(["diff", "--cached", "--full-index", "--binary", ...asMerged], cwd);
      await git(["worktree", "remove", "--force", cwd]);
      const author = { owner, provider: `${owner} inc`, scope: join(top, ".git") };
      const patch = { base_revision, diff, diff_exact: true, touched_paths: Object.keys(changes) };
      const said = { diff_summary: `work of ${owner}`, confidence: "medium" as const };
      const verification = [{ command: "true", exit_code: 0 }];
      const params = { ...author, ...patch, ...said, verification, ...more };
      const { bundle_id: id } = await daemon.client.call("SubmitPatchBundle", params);
      return id;
    },
    async trace() {
      const told = [
        ["for-each-ref"],
        ["worktree", "list", "--porcelain"],
        ["status", "--porcelain=v2"],
        ["stash", "list"],
      ];
      const parts = await Promise.all(told.map((words) => git(words)));
      return [...parts, ...(await readdir(temporary)), ...(await gitFiles(top))].join("\n");
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
  await mkdir(temporary);
  await runGit(directory, ["init", "-q", "-b", "main", top]);
  await write(files);
  await commit("base");
  return world;
}

/** What lies in the git directory; where refs are kept is git's own matter. */
async function gitFiles(top: string): Promise<string[]> {
  return (await readdir(join(top, ".git"))).filter((name) => name !== "packed-refs").toSorted();
}
