import { mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { readFileText } from "../../native/read-file.ts";
import { limits } from "../../protocol/limits.ts";
import { dirname, join } from "node:path";
import { Failure } from "../exits.ts";
import type { Agent, AgentFile } from "./agents/agent.ts";
import { appendTo, NoJson, removeFrom, valueOf, withMember } from "./json-settings.ts";
import { plainPath, runAgentd, shellWord } from "./shell.ts";

/** Where an agent's hooks go, and where it is remembered how the file was before. */
export interface WorkTree {
  top: string;
  /** The work tree's own git directory. */
  gitDirectory: string;
}

export interface AgentState {
  agent: string;
  path: string;
  state: "installed" | "outdated" | "missing";
  /** What the hooks run; null where none is. */
  program: string | null;
}

export async function agentState(
  name: string,
  agent: Agent,
  { top }: WorkTree,
  program: readonly string[],
): Promise<AgentState> {
  const path = join(top, agent.file.path);
  const text = await textOf(path);
  const found = text === null ? [] : understood(path, () => hooksIn(agent.file, text));
  const [first] = found;
  if (first === undefined) return { agent: name, path, state: "missing", program: null };
  const wanted = hooksIn(agent.file, withHooks(agent.file, null, agentCommand(name, agent, program)));
  const state = Bun.deepEquals(found, wanted) ? "installed" : "outdated";
  return { agent: name, path, state, program: executableOf(first) };
}

/**
 * Adds the guard's hooks to an agent's settings; other settings, and how they are written, stay as they are.
 * @throws {Failure} FOUND_A_PROBLEM when the file cannot be understood, or is somebody else's; then it is as it was
 */
export async function installAgent(
  name: string,
  agent: Agent,
  place: WorkTree,
  program: readonly string[],
): Promise<"installed" | "updated" | "unchanged"> {
  const { state, path } = await agentState(name, agent, place, program);
  if (state === "installed") return "unchanged";
  const before = await foreignText(name, agent, place);
  const after = understood(path, () => withHooks(agent.file, before, agentCommand(name, agent, program)));
  await remember(name, place, before, after);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, after);
  return state === "missing" ? "installed" : "updated";
}

/** Takes the guard's hooks out. A file nobody changed meanwhile is byte for byte what it was. */
export async function uninstallAgent(
  name: string,
  agent: Agent,
  place: WorkTree,
): Promise<"removed" | "restored" | "missing"> {
  const { state, path } = await agentState(name, agent, place, []);
  if (state === "missing") return "missing";
  const before = await foreignText(name, agent, place);
  if (before === null) {
    await rm(path);
    await removeEmpty(dirname(path), place.top);
  } else await writeFile(path, before);
  await rm(memory(name, place), { recursive: true, force: true });
  return before === null ? "removed" : "restored";
}

/** The file as it would be without the guard; null when it would not be there. */
async function foreignText(name: string, { file }: Agent, place: WorkTree): Promise<string | null> {
  const path = join(place.top, file.path);
  const current = await textOf(path);
  if (current === null) return null;
  const before = await textOf(join(memory(name, place), "before"));
  const after = await textOf(join(memory(name, place), "after"));
  if (after !== null && current === after) return before;
  return understood(path, () => {
    const rest = withoutHooks(file, current, path);
    // What the guard made, and nobody has added to, goes with it.
    const isMade = after !== null && before === null;
    return isMade && rest === withoutHooks(file, withHooks(file, null, ""), path) ? null : rest;
  });
}

/** An agent's file with the guard's hooks; `before` is without them, or null when there is no file. */
function withHooks(file: AgentFile, before: string | null, command: string): string {
  if (file.kind === "own") return file.text(command);
  let next = before === null || before.trim() === "" ? "{}\n" : before;
  for (const [key, value] of Object.entries(file.members)) next = withMember(next, key, value);
  for (const { list, entry } of file.entries(command)) next = appendTo(next, list, entry);
  return next;
}

/** A file without the guard's hooks, whatever program they run; null where nothing is left of it. */
function withoutHooks(file: AgentFile, text: string, path: string): string | null {
  if (file.kind === "own") {
    if (text.includes(commandMark)) return null;
    throw new Failure("FOUND_A_PROBLEM", `${path} is not agentd's; move it away and install again`);
  }
  if (text.trim() === "") return text;
  return file.entries("").reduce((rest, { list }) => removeFrom(rest, list, isOurs), text);
}

/** The guard's hooks in a file: the commands they run, or where they are all of it, its text. */
function hooksIn({ kind }: AgentFile, text: string): string[] {
  if (kind === "own") return text.includes(commandMark) ? [text] : [];
  return text.trim() === "" ? [] : commandsIn(valueOf(text)).filter((command) => command.includes(commandMark));
}

/** Whether an entry is the guard's alone; one that a person added commands to is left. */
function isOurs(entry: unknown): boolean {
  const commands = commandsIn(entry);
  return commands.length > 0 && commands.every((command) => command.includes(commandMark));
}

function commandsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(commandsIn);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    (key === "command" || key === "bash") && typeof inner === "string" ? [inner] : commandsIn(inner),
  );
}

function understood<Result>(path: string, edit: () => Result): Result {
  try {
    return edit();
  } catch (cause) {
    if (!(cause instanceof NoJson)) throw cause;
    throw new Failure("FOUND_A_PROBLEM", `${path} is not usable as JSON, and was left as it is: ${cause.message}`);
  }
}

function memory(name: string, { gitDirectory }: WorkTree): string {
  return join(gitDirectory, "agentd-guard", name);
}

async function remember(name: string, place: WorkTree, before: string | null, after: string): Promise<void> {
  const directory = memory(name, place);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  if (before !== null) await writeFile(join(directory, "before"), before);
  await writeFile(join(directory, "after"), after);
}

async function removeEmpty(directory: string, top: string): Promise<void> {
  if (directory === top) return;
  try {
    await rmdir(directory);
  } catch {
    return;
  }
  await removeEmpty(dirname(directory), top);
}

async function textOf(path: string): Promise<string | null> {
  try {
    return readFileText(path, limits.inputBytesMax);
  } catch (cause) {
    const { code } = cause as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new Failure("FOUND_A_PROBLEM", `${path} cannot be read: ${(cause as Error).message}`);
  }
}

/** How a command of ours is known in a settings file. */
const commandMark = "guard agent-hook ";

/**
 * The command an agent's hook runs, for any shell. Most agents let an edit pass when a hook fails, so it refuses itself, in
 * the agent's own words, when agentd is missing or ends in a way that is no answer.
 */
export function agentCommand(name: string, agent: Agent, program: readonly string[]): string {
  const [executable = ""] = program;
  const refusal = agent.answer(
    "agentd: could not check whether others hold what the edit changes, so it is refused: agentd is missing or failed " +
      `(${plainPath(executable)}). AGENTD_GUARD=off passes the guard.`,
  );
  const refuse =
    refusal.exit === 0
      ? `printf "%s\\n" ${shellWord(refusal.out.trim())}`
      : `echo ${shellWord(refusal.err.trim())} >&2; exit ${refusal.exit}`;
  const script =
    `${runAgentd(program, `${commandMark}${name}`)} || ` +
    `{ [ $? -eq 2 ] && exit 2; [ "$AGENTD_GUARD" = off ] && exit 0; ${refuse}; }`;
  return `/bin/sh -c ${shellWord(script)}`;
}

/** The executable a command made here tries first; null when it cannot be told. */
function executableOf(command: string): string | null {
  return /\[ -x (\S+?) \];/.exec(command)?.[1] ?? null;
}
