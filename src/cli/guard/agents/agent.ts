/** An agent that asks a hook before it edits a file, and how. */
export interface Agent {
  /** As people call it. */
  title: string;
  /** The page its format was read from, on 2026-11-28. */
  source: string;
  /** The variable by which the agent's shells say which session they belong to; without it they do not say. */
  shellSession?: string;
  /** Where its hooks stand, in the work tree. */
  file: AgentFile;
  question: Question;
  /** How the hook lets an edit pass, or refuses it for a reason. */
  answer(refusal: string | null): Answer;
}

/** Where the facts stand in what an agent writes to the hook's standard input, as paths such as `tool_input.path`. */
export interface Question {
  /** What it calls a session, and where it names it. */
  session: readonly [called: string, ...at: string[]];
  /** What it says where a session ends; undefined as the value: nothing. */
  end?: readonly [at: string, value: string | undefined];
  /** Where it names the tool, and which ones edit files. */
  tool: readonly [at: string, editing: readonly string[]];
  /** The directory it works in; without any, the hook's own. */
  cwd: readonly string[];
  /** The file that is edited. */
  file: readonly string[];
  /** Whether its arguments may be JSON texts. */
  quoted?: true;
  /** The object that holds a patch where no file is named. Its paths are relative, so the directory has to be said. */
  patch?: string;
}

export type Asked =
  | { kind: "edit"; session: string; cwd: string; paths: readonly string[] }
  | { kind: "end"; session: string }
  /** Nothing that changes a file. */
  | { kind: "other" };

/** What the hook writes, and its exit status. */
export interface Answer {
  out: string;
  err: string;
  exit: 0 | 2;
}

export type AgentFile = SharedFile | OwnFile;

/** A JSON file that holds other settings, too. */
export interface SharedFile {
  kind: "shared";
  /** From the work tree's top. */
  path: string;
  /** What the file must say beside, such as its version. */
  members: Readonly<Record<string, unknown>>;
  /** What is added, and to which list; `command` is for a shell. */
  entries(command: string): readonly { list: readonly string[]; entry: unknown }[];
}

/** A file that is the guard's alone. */
export interface OwnFile {
  kind: "own";
  path: string;
  text(command: string): string;
}

/** What came on standard input cannot be understood; the message says what is missing. */
export class Unreadable extends Error {}

/**
 * What an agent asks.
 * @throws {Unreadable} when it edits something and does not say what, or in which session
 */
export function readQuestion({ session, end, tool, cwd, file, quoted, patch }: Question, input: unknown): Asked {
  const [called, ...ids] = session;
  const id = firstText(input, ids);
  if (end !== undefined && textAt(input, end[0]) === end[1])
    return id === undefined ? { kind: "other" } : { kind: "end", session: id };
  const [at, editing] = tool;
  if (!editing.includes(textAt(input, at) ?? "")) return { kind: "other" };
  const path = firstText(input, file);
  const directory = firstText(input, cwd);
  return {
    kind: "edit",
    session: needed(id, called),
    cwd: patch === undefined ? (directory ?? process.cwd()) : needed(directory, "where it works"),
    paths:
      path === undefined && patch !== undefined
        ? patchedPaths(valueAt(input, patch))
        : [bare(needed(path, "which file it edits"), quoted)],
  };
}

const bare = (path: string, quoted = false) => (quoted ? (/^"(.*)"$/s.exec(path)?.[1] ?? path) : path);

/** The first of the fields that is there. */
function firstText(input: unknown, paths: readonly string[]): string | undefined {
  return paths.map((path) => textAt(input, path)).find((text) => text !== undefined);
}

function textAt(input: unknown, path: string): string | undefined {
  const value = valueAt(input, path);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function valueAt(input: unknown, path: string): unknown {
  let value = input;
  for (const name of path.split(".")) {
    const inside = typeof value === "string" ? parsed(value) : value;
    value = typeof inside === "object" && inside !== null ? (inside as Record<string, unknown>)[name] : undefined;
  }
  return value;
}

/** The JSON text of an object stands for the object. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unreadable("the agent's tool arguments are no JSON");
  }
}

function needed(value: string | undefined, what: string): string {
  if (value === undefined) throw new Unreadable(`the agent did not say ${what}`);
  return value;
}

const begin = "*** Begin Patch";
const names = /^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+?)\r?$/gm;

/**
 * Paths a patch touches, in the form `apply_patch` tools take: added, updated and deleted ones, and both ends of a move. It
 * is found in whichever field holds it.
 * @throws {Unreadable} when there is no patch, or it names no file
 */
export function patchedPaths(input: unknown): string[] {
  const patches = Object.values(input ?? {}).filter((value) => typeof value === "string" && value.includes(begin));
  const paths = patches.flatMap((patch) => Array.from(String(patch).matchAll(names), ([, path = ""]) => path.trim()));
  if (paths.length === 0) throw new Unreadable("the agent did not say which files its patch changes");
  return paths;
}
