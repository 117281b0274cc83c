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
  /**
   * What the agent asks, by what it writes to the hook's standard input.
   * @throws {Unreadable} when it edits something and does not say what
   */
  read(input: Fields): Asked;
  /** How the hook lets an edit pass, or refuses it for a reason. */
  answer(refusal: string | null): Answer;
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

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The first of the fields that is there. */
export function firstText(fields: Fields, ...names: readonly string[]): string | undefined {
  return names.map((name) => textOf(fields, name)).find((text) => text !== undefined);
}

/** @throws {Unreadable} without it */
export function needed(value: string | undefined, what: string): string {
  if (value === undefined) throw new Unreadable(`the agent did not say ${what}`);
  return value;
}

/** Answers of agents that take JSON on standard output and exit status 0. */
export function json(value: unknown): Answer {
  return { out: `${JSON.stringify(value)}\n`, err: "", exit: 0 };
}

export const silence: Answer = { out: "", err: "", exit: 0 };

const begin = "*** Begin Patch";
const names = /^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+?)\r?$/gm;

/**
 * Paths a patch touches, in the form `apply_patch` tools take: added, updated and deleted ones, and both ends of a move. It
 * is found in whichever field holds it.
 * @throws {Unreadable} when there is no patch, or it names no file
 */
export function patchedPaths(input: Fields): string[] {
  const patches = Object.values(input).filter((value) => typeof value === "string" && value.includes(begin));
  const paths = patches.flatMap((patch) => Array.from(String(patch).matchAll(names), ([, path = ""]) => path.trim()));
  if (paths.length === 0) throw new Unreadable("the agent did not say which files its patch changes");
  return paths;
}
