import type { ArgsDef } from "citty";
import { Failure } from "./exits.ts";
import { suggest } from "../protocol/nearest.ts";

/** Options every command takes, before or after its name. */
export const globalArgs = {
  json: { type: "boolean", description: "print the result, and errors, as JSON" },
  get: { type: "string", valueHint: "FIELD", description: "print one field of the result, such as tasks.0.id" },
  home: { type: "string", valueHint: "DIR", description: "agentd's directory (AGENTD_HOME, ~/.agentd)" },
  socket: { type: "string", valueHint: "PATH", description: "the daemon's socket (AGENTD_SOCKET_PATH)" },
  "no-start": { type: "boolean", description: "never start a daemon (AGENTD_NO_START=1)" },
  help: { type: "boolean", alias: "h", description: "show this help" },
  version: { type: "boolean", alias: "V", description: "show the version" },
} as const satisfies ArgsDef;

/** Options by their full names, the words that are none, and what follows `--`. */
export interface SplitArguments {
  /** A list for an option that may be repeated. */
  options: Map<string, string | true | string[]>;
  positionals: string[];
  rest: string[];
}

/**
 * Splits tokens into options and words, strictly: an option nobody defined, one given twice, one without its value
 * and a value where none belongs are all refused, with the nearest name. A negative number is a word; `--` ends the
 * options.
 * @throws {Failure} USAGE
 */
export function splitArguments(tokens: readonly string[], args: ArgsDef): SplitArguments {
  const options: SplitArguments["options"] = new Map();
  const positionals: string[] = [];
  const rest = [...tokens];
  for (let token = rest.shift(); token !== undefined && token !== "--"; token = rest.shift()) {
    if (!token.startsWith("-") || token === "-" || /^-\d/.test(token)) {
      positionals.push(token);
      continue;
    }
    const { name, value: attached } = splitOption(token, args);
    const before = options.get(name);
    const repeatable = isRepeatable(args[name]);
    if (before !== undefined && !repeatable) throw new Failure("USAGE", `--${name} is given twice`);
    if (!takesValue(args, name)) {
      if (attached !== undefined) throw new Failure("USAGE", `--${name} takes no value, and got ${attached}`);
      options.set(name, true);
      continue;
    }
    const value = attached ?? rest.shift();
    if (value === undefined || (attached === undefined && value.startsWith("--"))) {
      throw new Failure("USAGE", `--${name} needs a value: --${name} ${args[name]?.valueHint ?? "VALUE"}`);
    }
    if (repeatable) options.set(name, Array.isArray(before) ? [...before, value] : [value]);
    else options.set(name, value);
  }
  return { options, positionals, rest };
}

/** Whether an argument may be given several times; citty knows no such argument. Its value is a list. */
export function isRepeatable(definition: ArgsDef[string] | undefined): boolean {
  return definition !== undefined && "repeatable" in definition && definition.repeatable === true;
}

/** Whether an option's value is the next word; `name` is its full name. */
export function takesValue(args: ArgsDef, name: string): boolean {
  return args[name]?.type !== "boolean";
}

/** `--name`, `--name=value` or `-n` as the option's full name and what is attached to it. */
function splitOption(token: string, args: ArgsDef): { name: string; value: string | undefined } {
  const equals = token.indexOf("=");
  const spelled = equals === -1 ? token : token.slice(0, equals);
  const value = equals === -1 ? undefined : token.slice(equals + 1);
  const name = optionNames(args).find((option) => spelled === `--${option}` || isAlias(spelled, args[option]));
  if (name !== undefined) return { name, value };
  const dashes = optionNames(args).map((option) => `--${option}`);
  throw new Failure("USAGE", `there is no option ${spelled}${suggest(spelled, dashes)}`);
}

function isAlias(spelled: string, definition: ArgsDef[string] | undefined): boolean {
  if (definition === undefined || !("alias" in definition) || definition.alias === undefined) return false;
  return [definition.alias].flat().some((alias) => spelled === `-${alias}`);
}

function optionNames(args: ArgsDef): string[] {
  return Object.keys(args).filter((name) => args[name]?.type !== "positional");
}

/** Arguments by name, as citty's types describe them; `_` holds a command line to run, for commands that take one. */
export interface Values {
  _: string[];
  [name: string]: string | boolean | string[] | undefined;
}

/**
 * The value of every argument, by its definition. What follows `--` is words like others, unless the command takes a
 * command line.
 * @throws {Failure} USAGE, for a missing argument, a word too many or a value that is none of an enum's.
 */
export function readValues(
  { options, positionals: before, rest }: SplitArguments,
  args: ArgsDef,
  takesCommand = false,
): Values {
  const positionals = takesCommand ? before : [...before, ...rest];
  const values: Values = { _: takesCommand ? rest : [] };
  let taken = 0;
  for (const [name, definition] of Object.entries(args)) {
    const positional = definition.type === "positional";
    const isList = positional && isRepeatable(definition);
    const given = positional ? positionals[taken++] : options.get(name);
    if (given === undefined && definition.required === true) {
      const shown = positional ? placeholder(name) : `--${name}`;
      throw new Failure("USAGE", `${shown} is missing (${definition.description})`);
    }
    if (definition.type === "enum" && given !== undefined) checkChoice(name, String(given), definition.options ?? []);
    values[name] = isList ? positionals.slice(taken - 1) : given;
    if (isList) taken = positionals.length;
  }
  const surplus = positionals[taken];
  if (surplus !== undefined) throw new Failure("USAGE", `${JSON.stringify(surplus)} is an unexpected argument`);
  if (takesCommand && rest.length === 0)
    throw new Failure("USAGE", "the command to run is missing: -- CMD [ARGUMENTS]");
  return values;
}

function checkChoice(name: string, given: string, choices: readonly string[]): void {
  if (choices.includes(given)) return;
  throw new Failure("USAGE", `--${name} is ${given}, and can be ${choices.join(", ")}${suggest(given, choices)}`);
}

/** How a positional is shown: `task_id` as `TASK_ID`. */
export function placeholder(name: string): string {
  return name.toUpperCase();
}
