import { limits } from "../../protocol/limits.ts";
import { Failure } from "../exits.ts";
import type { PrivateRepository } from "../git/private-repository.ts";
import { present } from "../../protocol/present.ts";

/** Above these a diff is not sent along: the daemon takes the head revision instead. */
const { diffBytesMax, diffLinesMax } = limits;

/** As git's merge compares, and as git prints it whatever is configured. */
const diffOptions = [
  "--full-index",
  "--binary",
  "--histogram",
  "--no-indent-heuristic",
  "--no-ext-diff",
  "--no-textconv",
  "--no-color",
  "-M",
];

/** What differs between two trees. */
export interface Patch {
  /** Every path that is another afterwards, or gone. */
  paths: string[];
  /** Null where it is too large, or no text. */
  diff: string | null;
  /** `3 files changed, 10 insertions(+)`. */
  stat: string;
}

/** @throws {Failure} USAGE where nothing differs, or in more files than a bundle may have. */
export async function patchBetween(privateRepository: PrivateRepository, base: string, head: string): Promise<Patch> {
  const paths = await changedPaths(privateRepository, base, head);
  if (paths.length === 0) throw new Failure("USAGE", `nothing to submit: no file differs from ${base}`);
  if (paths.length > limits.bundlePathsMax) {
    const message = `${paths.length} files differ from ${base}, but a bundle has at most ${limits.bundlePathsMax}; give another --base, or split it`;
    throw new Failure("USAGE", message);
  }
  const strange = await strangePath(privateRepository, base, head);
  if (strange !== null) {
    const message = `${strange} is or was a symbolic link or a submodule, and no patch bundle may change one; leave it out, or give another --base`;
    throw new Failure("USAGE", message);
  }
  const words = ["diff", "--shortstat", "--no-ext-diff", "--no-textconv", "-M", base, head, "--"];
  const stat = await privateRepository.text(words, "", withoutAttributes);
  return { paths, diff: await diffBetween(privateRepository, base, head), stat: stat.trim() };
}

const files = new Set(["100644", "100755", "000000"]);

/** A path that changes and is, before or after, neither a file nor nothing; null where there is none. */
export async function strangePath(
  privateRepository: PrivateRepository,
  base: string,
  head: string,
): Promise<string | null> {
  const told = await privateRepository.entries(["diff-tree", "-r", "-z", "--raw", "--no-renames", base, head]);
  const at = told.findIndex((entry, i) => {
    const [before = "", after = ""] = entry.slice(1).split(" ");
    return i % 2 === 0 && !(files.has(before) && files.has(after));
  });
  return at === -1 ? null : present(told[at + 1], "the path of a change");
}

/**
 * What git's merge compares line by line is told by the content alone. Attributes such as `-diff` would hide it; git takes them
 * from an index, and there is none of this name.
 */
const withoutAttributes = { GIT_INDEX_FILE: "no-index" };

/** Both names of what was renamed. */
export function changedPaths(privateRepository: PrivateRepository, base: string, head: string): Promise<string[]> {
  return privateRepository.entries(["diff-tree", "-r", "-z", "--name-only", "--no-renames", base, head]);
}

async function diffBetween(privateRepository: PrivateRepository, base: string, head: string): Promise<string | null> {
  const { out, cut } = await privateRepository.run(
    ["diff", ...diffOptions, base, head, "--"],
    { bytesMax: diffBytesMax },
    withoutAttributes,
  );
  if (cut) return null;
  const text = textOf(out);
  return text === null || text.split("\n").length > diffLinesMax ? null : text;
}

/** What is no UTF-8 cannot be sent as a text. */
function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
