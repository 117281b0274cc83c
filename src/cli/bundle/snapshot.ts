import { copyFile, readdir, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Failure } from "../exits.ts";
import { ask, attributesOf, entriesOf } from "../git/git.ts";
import { commitOrNull } from "../git/revision.ts";
import type { Repository } from "../git/repository.ts";
import { pathIn, type PrivateRepository } from "../git/private-repository.ts";
import { present } from "../../protocol/present.ts";

/** A work tree's files as they are now: staged, changed and new ones, but what is ignored. */
export interface Snapshot {
  tree: string;
  /** Repositories inside the work tree that it does not know of, such as work trees of its own. */
  leftOut: string[];
  /** Submodules whose commit is another than the index has. */
  movedSubmodules: string[];
}

const gitlink = "160000";
const pathsNamed = 5;

/**
 * Takes a tree of the work tree, with a copy of its index in a git directory of ours: nothing of the repository changes.
 * Submodules stay as they are in the index.
 * @throws {Failure} in mid-merge, and where a file goes through a filter, which is not run here.
 */
export function snapshotOf(privateRepository: PrivateRepository, { top }: Repository): Promise<Snapshot> {
  return privateRepository.withAttributes((more) => take(privateRepository, top, more));
}

async function take(
  privateRepository: PrivateRepository,
  top: string,
  more: Record<string, string>,
): Promise<Snapshot> {
  const index = join(privateRepository.gitDirectory, "index");
  await copyIndex(await pathIn(top, "index"), index);
  const here = { ...more, GIT_WORK_TREE: top, GIT_INDEX_FILE: index };
  const unmerged = await privateRepository.entries(["ls-files", "-u", "-z"], here);
  if (unmerged.length > 0)
    throw new Failure("USAGE", "the work tree is in the middle of a merge; finish or abort that first");
  const staged = await privateRepository.text(["write-tree"], "", here);
  const submodules = await gitlinks(privateRepository, here);
  const others = submodules.map(({ path }) => `:(exclude,literal)${path}`);
  await privateRepository.run(["add", "--all", "--", ".", ...others], {}, { ...here, GIT_LITERAL_PATHSPECS: "0" });
  const known = new Set(submodules.map(({ path }) => path));
  const leftOut = (await gitlinks(privateRepository, here)).map(({ path }) => path).filter((path) => !known.has(path));
  if (leftOut.length > 0) await privateRepository.run(["update-index", "--force-remove", "--", ...leftOut], {}, here);
  const tree = await privateRepository.text(["write-tree"], "", here);
  await refuseFiltered(privateRepository, top, { staged, tree, here });
  return { tree, leftOut, movedSubmodules: await movedAmong(top, submodules) };
}

async function movedAmong(top: string, submodules: readonly Gitlink[]): Promise<string[]> {
  const moved: string[] = [];
  for (const { path, commit } of submodules) {
    const directory = join(top, path);
    // One that is not checked out is a directory of this repository.
    const isCheckedOut = await stat(join(directory, ".git")).catch(() => null);
    const head = isCheckedOut === null ? null : await commitOrNull(directory, "HEAD");
    if (head !== null && head !== commit) moved.push(path);
  }
  return moved;
}

interface Gitlink {
  path: string;
  commit: string;
}

/** What git knows of the files' times comes along, so that it need not read those that have not changed. */
async function copyIndex(from: string, to: string): Promise<void> {
  const found = await stat(from).catch(() => null);
  if (found === null) return;
  for (const name of await readdir(dirname(from))) {
    if (name.startsWith("sharedindex.")) await copyFile(join(dirname(from), name), join(dirname(to), name));
  }
  await copyFile(from, to);
  // A file changed after the index was written may have the time the index has: git looks into it only if that stays.
  const seconds = Math.floor(found.mtimeMs / 1000);
  await utimes(to, seconds, seconds);
}

async function gitlinks(privateRepository: PrivateRepository, here: Record<string, string>): Promise<Gitlink[]> {
  const entries = await privateRepository.entries(["ls-files", "-s", "-z"], here);
  return entries.flatMap((entry) =>
    entry.startsWith(gitlink)
      ? [
          {
            path: entry.slice(entry.indexOf("\t") + 1),
            commit: present(entry.split(" ", 2)[1], "the commit of a submodule"),
          },
        ]
      : [],
  );
}

/** Files that were read, and that the user's git reads otherwise, such as those in Git LFS. */
async function refuseFiltered(
  privateRepository: PrivateRepository,
  top: string,
  { staged, tree, here }: { staged: string; tree: string; here: Record<string, string> },
): Promise<void> {
  const read = await privateRepository.text(["diff-tree", "-r", "-z", "--name-only", "--no-renames", staged, tree]);
  if (read === "") return;
  const filters = await filtersOf(top);
  if (filters.size === 0) return;
  const told = await privateRepository.text(["check-attr", "-z", "--stdin", "filter"], read, here);
  const paths = attributesOf(told).flatMap(({ path, value }) => (filters.has(value) ? [path] : []));
  if (paths.length === 0) return;
  const named = paths.slice(0, pathsNamed).join(", ") + (paths.length > pathsNamed ? ", …" : "");
  const message = `a filter of this repository's reads ${named}, and filters are not run here; commit, and give --head HEAD`;
  throw new Failure("USAGE", message);
}

async function filtersOf(top: string): Promise<Set<string>> {
  const words = ["config", "-z", "--name-only", "--get-regexp", String.raw`^filter\..*\.(clean|process)$`];
  const { out } = await ask(top, words, { statuses: [0, 1] });
  const keys = entriesOf(new TextDecoder().decode(out));
  return new Set(keys.map((key) => key.slice("filter.".length, key.lastIndexOf("."))));
}
