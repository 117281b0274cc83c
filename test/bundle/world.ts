import { mkdir, mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { gitIdentity, runGit } from "../guard/world.ts";
import type { Ran, RunOptions, TestDaemon } from "../support/daemon.ts";
import { fastDirectory } from "../support/fast-directory.ts";

/** A repository with one commit on `main`, what agentd's commands say in it, and what they leave. */
export interface World extends AsyncDisposable {
  /** The repository's top. */
  top: string;
  /** Where agentd's temporary files go. */
  temporary: string;
  git(words: readonly string[], at?: string): Promise<string>;
  /** Writes files, null removes one; a name ends in `/` never. */
  write(files: Readonly<Record<string, string | Uint8Array | null>>, at?: string): Promise<void>;
  /** Commits all there is, and gives the commit. */
  commit(message: string, at?: string): Promise<string>;
  agentd(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The same for a command that must succeed, and what it tells programs. */
  json<Shape>(args: readonly string[], options?: RunOptions): Promise<Shape>;
  /**
   * Hands in what `files` change, by a work tree of the owner's own that begins at `main`, or at `base`, with a verification
   * that passes unless `words` say otherwise. Gives the bundle's id.
   */
  submit(
    owner: string,
    files: Parameters<World["write"]>[0],
    words?: readonly string[],
    base?: string,
  ): Promise<string>;
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

export async function bundleWorld(daemon: TestDaemon, files: Parameters<World["write"]>[0]): Promise<World> {
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
    async submit(owner, changes, words = ["--verify", "true"], base = "main") {
      const cwd = join(directory, owner);
      await git(["worktree", "add", "-q", "--detach", cwd, base]);
      await write(changes, cwd);
      const summary = words.includes("--summary") ? [] : ["--summary", `work of ${owner}`];
      const named = ["--base", base, "--owner", owner, "--provider", `${owner} inc`, ...summary];
      const { bundle_id: id } = await world.json<{ bundle_id: string }>(["bundle", "create", ...named, ...words], {
        cwd,
      });
      await git(["worktree", "remove", "--force", cwd]);
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
