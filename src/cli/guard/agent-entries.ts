import { commandMark } from "./agent-command.ts";
import type { SharedFile } from "./agents/agent.ts";
import { appendTo, removeFrom, withMember } from "./json-settings.ts";

const someCommand = "";

/** The text of a settings file with the guard's entries; `text` is without them, or null when there is no file. */
export function withEntries(file: SharedFile, text: string | null, command: string): string {
  let next = text === null || text.trim() === "" ? "{}\n" : text;
  for (const [key, value] of Object.entries(file.members)) next = withMember(next, key, value);
  for (const { list, entry } of file.entries(command)) next = appendTo(next, list, entry);
  return next;
}

/** The text without the guard's entries, whatever program they run. */
export function withoutEntries(file: SharedFile, text: string): string {
  if (text.trim() === "") return text;
  return file.entries(someCommand).reduce((rest, { list }) => removeFrom(rest, list, isOurs), text);
}

/** Whether an entry is the guard's alone; one that a person added commands to is left. */
function isOurs(entry: unknown): boolean {
  const commands = commandsIn(entry);
  return commands.length > 0 && commands.every((command) => command.includes(commandMark));
}

/** The guard's commands in a settings file's value, in order. */
export function guardCommands(value: unknown): string[] {
  return commandsIn(value).filter((command) => command.includes(commandMark));
}

function commandsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(commandsIn);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    (key === "command" || key === "bash") && typeof inner === "string" ? [inner] : commandsIn(inner),
  );
}
