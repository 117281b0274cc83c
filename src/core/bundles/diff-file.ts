import { type Fault, parseHunks } from "./diff-hunks.ts";
import { bothNames, fileName, readName, sameNames } from "./diff-names.ts";
import type { FileChange, FileMode } from "./file-change.ts";

/** What is wrong with the part of a diff that is about one file; `path` is null where not even its name can be read. */
export interface FileFault extends Fault {
  path: string | null;
}

/** Reads the part of a diff that is about one file, from behind its `diff --git` on. */
export function parseFileDiff(section: string, exact: boolean): FileChange | FileFault {
  const match = header.exec(section);
  const read: Header = match?.groups ?? {};
  const names = namesOf(read);
  const oldPath = names === null ? null : readName(names.old);
  const path = names === null ? null : readName(names.new);
  if (names === null || oldPath === null || path === null)
    return { path: null, fault: `a file begins with ${shown(section)}, which is not how git writes names` };

  const modes = [read.oldMode, read.newMode, read.madeMode, read.mode].filter((mode) => mode !== undefined);
  const strange = modes.find((mode) => !isFileMode(mode));
  if (strange !== undefined) return { path, fault: unusable[strange] ?? `git has no file mode ${strange}` };
  const change = changeOf(read, oldPath, path);
  const lines = readBody(section.slice(match?.[0].length ?? 0), change.kind, names, exact);
  if ("fault" in lines) return { path, fault: lines.fault };
  const fault = contradiction(read, change.kind, lines);
  return fault === null ? { ...change, ...lines, exact } : { path, fault };
}

/** What stands above the lines of a file, in the order git prints it in. */
const header = new RegExp(
  [
    "^(?<names>[^\\n]+)\\n",
    "(?:old mode (?<oldMode>\\d{6})\\nnew mode (?<newMode>\\d{6})\\n)?",
    "(?:(?<made>new|deleted) file mode (?<madeMode>\\d{6})\\n)?",
    "(?:(?:dis)?similarity index \\d{1,3}%\\n)?",
    "(?:(?<how>rename|copy) from (?<from>[^\\n]+)\\n\\k<how> to (?<to>[^\\n]+)\\n)?",
    "(?:index (?<oldBlob>[0-9a-f]{4,64})\\.\\.(?<newBlob>[0-9a-f]{4,64})(?: (?<mode>\\d{6}))?\\n)?",
  ].join(""),
);
type Part =
  "names" | "oldMode" | "newMode" | "made" | "madeMode" | "how" | "from" | "to" | "oldBlob" | "newBlob" | "mode";
type Header = Partial<Record<Part, string>>;

interface WrittenNames {
  old: string;
  new: string;
}

/** Both names as written; null where the header and its further lines do not agree. */
function namesOf({ names = "", from, to }: Header): WrittenNames | null {
  if (from !== undefined && to !== undefined) return bothNames(from, to) === names ? { old: from, new: to } : null;
  const same = sameNames(names);
  return same === null ? null : { old: same, new: same };
}

function changeOf(read: Header, oldPath: string, path: string): Omit<FileChange, keyof Lines | "exact"> {
  const { made, how } = read;
  const kept = (read.mode ?? null) as FileMode | null;
  const oldMode = made === "new" ? null : ((read.oldMode ?? read.madeMode ?? kept) as FileMode | null);
  const newMode = made === "deleted" ? null : ((read.newMode ?? read.madeMode ?? kept) as FileMode | null);
  const blobs = { oldBlob: wholeId(read.oldBlob), newBlob: wholeId(read.newBlob) };
  const at = { path, oldPath: how === undefined ? null : oldPath, oldMode, newMode, ...blobs };
  if (made !== undefined) return { ...at, kind: made === "new" ? "added" : "deleted" };
  if (how !== undefined) return { ...at, kind: how === "rename" ? "renamed" : "copied" };
  return { ...at, kind: read.oldBlob === undefined ? "mode" : "modified" };
}

type Lines = Pick<FileChange, "binary" | "hunks" | "spans">;
const noLines: Lines = { binary: false, hunks: [], spans: [] };
const binary: Lines = { ...noLines, binary: true };

function readBody(body: string, kind: FileChange["kind"], names: WrittenNames, exact: boolean): Lines | Fault {
  if (body === "") return noLines;
  if (binaryFiles.test(body) || binaryPatch.test(body) || binaryPatch.test(`${body}\n`)) return binary;
  const above = [
    `--- ${kind === "added" ? "/dev/null" : fileName("a/", names.old)}`,
    `+++ ${kind === "deleted" ? "/dev/null" : fileName("b/", names.new)}`,
    "@@ ",
  ].join("\n");
  if (!body.startsWith(above)) return { fault: `${shown(body)} is not what git prints there` };
  const read = parseHunks(body.slice(above.length - "@@ ".length), exact);
  return "fault" in read ? read : { binary: false, ...read };
}

const binaryFiles = /^Binary files [^\n]+ differ\n$/;
const binaryPatch =
  /^GIT binary patch\n(?:(?:literal|delta) \d{1,10}\n(?:[A-Za-z][0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]{5,65}\n)*\n){1,2}$/;

/** What no diff of git's says of a file; null where all of it agrees. */
function contradiction(read: Header, kind: FileChange["kind"], { binary: isBinary, hunks }: Lines): string | null {
  const hasLines = isBinary || hunks.length > 0;
  if (kind === "added" || kind === "deleted") {
    if (read.oldMode !== undefined || read.how !== undefined) return `it is ${kind} and also something else`;
    const blob = (kind === "added" ? read.newBlob : read.oldBlob) ?? "none";
    if (!hasLines && !emptyBlobs.some((id) => id.startsWith(blob)))
      return "it is not empty but its lines are missing; print the whole diff";
    const oneSided =
      hunks.length < 2 && hunks.every((hunk) => (kind === "added" ? hunk.oldLines : hunk.newLines) === 0);
    return oneSided ? null : "it has lines before and after, but on one side there is no file";
  }
  if (kind === "mode" && read.oldMode === read.newMode) return "nothing of it changes";
  return hasLines === (read.oldBlob !== undefined)
    ? null
    : "its lines do not agree with the line that names its objects";
}

/** What git's empty file is called, by SHA-1 and by SHA-256. */
const emptyBlobs = [
  "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
  "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
];

const isFileMode = (mode: string): mode is FileMode => mode === "100644" || mode === "100755";
const unusable: Readonly<Record<string, string>> = {
  120000: "it is a symbolic link, which no bundle may change",
  160000: "it is a submodule, which no bundle may change",
};

function wholeId(id: string | undefined): string | null {
  return id !== undefined && (id.length === 40 || id.length === 64) ? id : null;
}

function shown(text: string): string {
  const [line = ""] = text.slice(0, 120).split("\n");
  return JSON.stringify(line);
}
