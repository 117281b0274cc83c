import { mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { readFileText } from "../../native/read-file.ts";
import { limits } from "../../protocol/limits.ts";
import { dirname, join } from "node:path";
import { Failure } from "../exits.ts";
import { agentCommand, commandMark, executableOf } from "./agent-command.ts";
import { guardCommands, withEntries, withoutEntries } from "./agent-entries.ts";
import type { Agent } from "./agents/agent.ts";
import { NoJson, valueOf } from "./json-settings.ts";

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
  const command = agentCommand(name, agent, program);
  const commands = text === null ? [] : commandsOf(agent, path, text);
  const [first] = commands;
  if (text === null || first === undefined) return { agent: name, path, state: "missing", program: null };
  const wanted = agent.file.kind === "own" ? 0 : agent.file.entries(command).length;
  const current =
    agent.file.kind === "own"
      ? text === agent.file.text(command)
      : commands.length === wanted && commands.every((each) => each === command);
  return { agent: name, path, state: current ? "installed" : "outdated", program: executableOf(first) };
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
  const current = await textOf(path);
  const before = await foreignText(name, agent, place, current);
  const command = agentCommand(name, agent, program);
  const after =
    agent.file.kind === "own" ? agent.file.text(command) : understood(path, () => added(agent, before, command));
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
  const before = await foreignText(name, agent, place, await textOf(path));
  if (before === null) {
    await rm(path);
    await removeEmpty(dirname(path), place.top);
  } else await writeFile(path, before);
  await rm(memory(name, place), { recursive: true, force: true });
  return before === null ? "removed" : "restored";
}

function added(agent: Agent, before: string | null, command: string): string {
  return agent.file.kind === "own" ? agent.file.text(command) : withEntries(agent.file, before, command);
}

/** The file as it would be without the guard; null when it would not be there. */
async function foreignText(
  name: string,
  agent: Agent,
  place: WorkTree,
  current: string | null,
): Promise<string | null> {
  const path = join(place.top, agent.file.path);
  if (agent.file.kind === "own") {
    if (current === null || current.includes(commandMark)) return null;
    throw new Failure("FOUND_A_PROBLEM", `${path} is not agentd's; move it away and install again`);
  }
  if (current === null) return null;
  const { file } = agent;
  const before = await textOf(join(memory(name, place), "before"));
  const after = await textOf(join(memory(name, place), "after"));
  if (after !== null && current === after) return before;
  const rest = understood(path, () => withoutEntries(file, current));
  // What the guard made, and nobody has added to, goes with it.
  const made = after !== null && before === null && rest === understood(path, () => empty(agent));
  return made ? null : rest;
}

/** What is left of a file the guard made when its entries are taken out. */
function empty(agent: Agent): string {
  return agent.file.kind === "own" ? "" : withoutEntries(agent.file, withEntries(agent.file, null, ""));
}

function understood<Result>(path: string, edit: () => Result): Result {
  try {
    return edit();
  } catch (cause) {
    if (!(cause instanceof NoJson)) throw cause;
    throw new Failure("FOUND_A_PROBLEM", `${path} is not usable as JSON, and was left as it is: ${cause.message}`);
  }
}

function commandsOf(agent: Agent, path: string, text: string): string[] {
  if (agent.file.kind === "own") return text.includes(commandMark) ? [text] : [];
  if (text.trim() === "") return [];
  return understood(path, () => guardCommands(valueOf(text)));
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
