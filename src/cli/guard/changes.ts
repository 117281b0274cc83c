import { entriesOf, git, type GitEnvironment, GitFailed, nullIfFailed } from "../git/git.ts";

const zeros = /^0+$/;

/** `git diff-index` and `git diff-tree` so that no setting of the user hides, renames or shortens a path. */
const pathsOnly = ["--name-only", "-z", "--no-renames", "--ignore-submodules=none"];

/**
 * Paths the commit under way changes, from the work tree's top: deleted ones, both names of a renamed file, and
 * submodules that move on. The environment is git's for its hooks, which names the index the commit is made of.
 * @throws {GitFailed}
 */
export async function stagedPaths(top: string, environment: GitEnvironment): Promise<string[]> {
  const base = await headOrEmpty(top, environment);
  return entriesOf(await git(top, ["diff-index", "--cached", ...pathsOnly, base, "--"], environment));
}

async function headOrEmpty(top: string, environment: GitEnvironment): Promise<string> {
  // Else the empty tree, by the repository's own hash function.
  const head = await commitIn(top, "HEAD", environment);
  return head ?? (await git(top, ["hash-object", "-t", "tree", "--stdin"], environment)).trim();
}

/** One line of what git tells a pre-push hook. */
interface PushedRef {
  local: string;
  remote: string;
}

/**
 * Paths that commits change which a push takes to `remote` and which, as far as is known here, are not there yet.
 * @param input what git gives a pre-push hook on standard input, a line for each ref
 * @throws {GitFailed}
 */
export async function pushedPaths(
  top: string,
  remote: string,
  input: string,
  environment: GitEnvironment,
): Promise<string[]> {
  const refs = readRefs(input).filter(({ local }) => !zeros.test(local));
  if (refs.length === 0) return [];
  // Commits of the remote's that were ever fetched.
  const remotes = refs.map((ref) => ref.remote).filter((id) => !zeros.test(id));
  const there = await Promise.all(remotes.map((id) => commitIn(top, id, environment)));
  const known = there.flatMap((id) => (id === null ? [] : [`^${id}`]));
  const wanted = [...refs.map(({ local }) => local), ...known].map((line) => `${line}\n`).join("");
  const list = ["rev-list", "--stdin", "--not", await remotesOption(top, remote, environment)];
  const commits = await git(top, list, environment, wanted);
  if (commits === "") return [];
  // Of a merge only what it changes against all its parents: the rest came with commits that are listed, or are there.
  const each = ["diff-tree", "--stdin", "--no-commit-id", "--root", "-r", "-c", ...pathsOnly];
  return [...new Set(entriesOf(await git(top, each, environment, commits)))];
}

/** What was fetched from the remote is there; of one without a name it is not known what was. */
async function remotesOption(top: string, remote: string, environment: GitEnvironment): Promise<string> {
  const names = (await git(top, ["remote"], environment)).split("\n");
  return names.includes(remote) ? `--remotes=${remote}` : "--remotes";
}

function readRefs(input: string): PushedRef[] {
  const lines = input.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [, local, , remote, surplus] = line.split(" ");
    if (local !== undefined && remote !== undefined && surplus === undefined) return { local, remote };
    throw new GitFailed(`a line of standard input is not as git writes it for pre-push: ${line}`);
  });
}

async function commitIn(top: string, words: string, environment: GitEnvironment): Promise<string | null> {
  const asked = ["rev-parse", "--verify", "--quiet", `${words}^{commit}`];
  return (await git(top, asked, environment).catch(nullIfFailed))?.trim() ?? null;
}
