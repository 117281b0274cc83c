import { limits } from "../../protocol/limits.ts";
import { Failure } from "../exits.ts";
import type { Scratch } from "../git/scratch.ts";

/** Above these a diff is not sent along: the daemon takes the head revision instead. */
const diffBytesMax = 512 << 10;
const diffLinesMax = 20_000;

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
export async function patchBetween(scratch: Scratch, base: string, head: string): Promise<Patch> {
  const paths = await changedPaths(scratch, base, head);
  if (paths.length === 0) throw new Failure("USAGE", `nothing to submit: no file differs from ${base}`);
  if (paths.length > limits.bundlePathsMax) {
    const message = `${paths.length} files differ from ${base}, but a bundle has at most ${limits.bundlePathsMax}; give another --base, or split it`;
    throw new Failure("USAGE", message);
  }
  const stat = await scratch.text(["diff", "--shortstat", "--no-ext-diff", "--no-textconv", "-M", base, head, "--"]);
  return { paths, diff: await diffBetween(scratch, base, head), stat: stat.trim() };
}

/** Both names of what was renamed. */
export function changedPaths(scratch: Scratch, base: string, head: string): Promise<string[]> {
  return scratch.entries(["diff-tree", "-r", "-z", "--name-only", "--no-renames", base, head]);
}

async function diffBetween(scratch: Scratch, base: string, head: string): Promise<string | null> {
  const { out, cut } = await scratch.run(["diff", ...diffOptions, base, head, "--"], { bytesMax: diffBytesMax });
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
