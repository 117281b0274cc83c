import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fastDirectory } from "../support/fast-directory.ts";

/** The files of a commit by path. */
export type Files = ReadonlyMap<string, { text: string; executable: boolean }>;

/** A repository in a temporary directory, and git in it without anybody's configuration. Removed when disposed. */
export class GitRepository implements Disposable {
  readonly path = mkdtempSync(join(fastDirectory, "agentd-git-"));

  constructor() {
    this.git(["init", "-q", "-b", "main"]);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** What git prints, with each `allowed` status; any other is a bug of the test. */
  git(args: readonly string[], input = "", allowed: readonly number[] = [0]): string {
    const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "gc.auto=0"];
    const { exitCode, stdout, stderr } = Bun.spawnSync(["git", ...identity, ...args], {
      cwd: this.path,
      stdin: new TextEncoder().encode(input),
      env: { PATH: process.env.PATH ?? "", HOME: this.path, GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" },
    });
    if (!allowed.includes(exitCode))
      throw new Error(`git ${args.join(" ")} ended with ${exitCode}: ${stderr.toString()}`);
    return stdout.toString();
  }

  /** Commits `base`, and each of `variants` upon it; their ids. */
  commit(base: Files, variants: readonly Files[]): { base: string; variants: string[] } {
    const names = ["base", ...variants.map((_, i) => `v${i}`)];
    const commits = [base, ...variants].map((files, i) => {
      // The time makes commits of the same files different ones.
      const head = `commit refs/tags/${names[i]}\nmark :${i + 1}\ncommitter Ada <ada@example.org> ${i} +0000\ndata 0\n`;
      const tree = Array.from(files, ([path, { text, executable }]) => {
        const mode = executable ? "100755" : "100644";
        return `M ${mode} inline ${JSON.stringify(path)}\ndata ${Buffer.byteLength(text)}\n${text}\n`;
      });
      return `${head}${i === 0 ? "" : "from :1\n"}deleteall\n${tree.join("")}\n`;
    });
    this.git(["fast-import", "--quiet", "--force"], commits.join(""));
    const [first = "", ...rest] = this.git(["rev-parse", ...names.map((name) => `refs/tags/${name}`)])
      .trim()
      .split("\n");
    return { base: first, variants: rest };
  }

  /** The diff of each commit against its parent; empty where it changes nothing. */
  diffs(commits: readonly string[], options: readonly string[]): string[] {
    const printed = this.git(["diff-tree", "-p", "-r", "--stdin", ...options], commits.map((id) => `${id}\n`).join(""));
    const parts = `\n${printed}`.split(/\n([0-9a-f]{40})\n/);
    const diffs = new Map<string, string>();
    for (let i = 1; i < parts.length; i += 2) diffs.set(parts[i] ?? "", parts[i + 1] ?? "");
    return commits.map((id) => diffs.get(id) ?? "");
  }

  /** The tree each pair of commits merges to; null where they conflict. */
  merges(pairs: readonly (readonly [string, string])[], config: readonly string[]): (string | null)[] {
    if (pairs.length === 0) return [];
    const settings = config.flatMap((setting) => ["-c", setting]);
    const args = [...settings, "merge-tree", "--write-tree", "--name-only", "--no-messages", "--stdin"];
    const input = pairs.map((pair) => `${pair.join(" ")}\n`).join("");
    return readMerges(this.git(args, input));
  }
}

/** For each merge a status and a tree, and what conflicts, in names that end with NUL; then another NUL. */
function readMerges(printed: string): (string | null)[] {
  const merged: (string | null)[] = [];
  const fields = printed.split("\0");
  for (let i = 0; i + 1 < fields.length; i++) {
    merged.push(fields[i] === "1" ? (fields[i + 1] ?? null) : null);
    while (fields[i] !== "") i++;
  }
  return merged;
}
