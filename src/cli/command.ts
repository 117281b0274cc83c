import { type ArgsDef, defineCommand, type ParsedArgs } from "citty";
import type { Values } from "./arguments.ts";
import type { Exit } from "./exits.ts";
import type { Session } from "./session.ts";

/** One command: its arguments, what it does, and the examples its help page begins with. */
export interface Command {
  args: ArgsDef;
  examples: readonly Example[];
  /** What a user should know beyond the arguments, in whole lines. */
  notes: string;
  /** Whether a command line to run follows after `--`; it comes as `_`. */
  takesCommand: boolean;
  run(values: Values, session: Session): Promise<Exit>;
}

/** A command line without its leading `agentd`, and what it is for. */
export type Example = readonly [line: string, purpose: string];

interface CommandSource<Args extends ArgsDef> {
  args: Args;
  examples: readonly [Example, ...Example[]];
  notes?: string;
  takesCommand?: boolean;
  /** Does the work; what it returns is the exit status, 0 when it returns nothing. */
  run(args: ParsedArgs<Args>, session: Session): Promise<Exit | void>;
}

/**
 * Defines a command; its name and summary stand in the table of commands. The definition and the types of its
 * arguments are citty's. Reading them is not: citty lets unknown and repeated options pass, and its parser would cost
 * a client command a fifth of its start.
 */
export function command<const Args extends ArgsDef>(source: CommandSource<Args>): Command {
  const { args, examples, notes = "", takesCommand = false } = source;
  const definition = defineCommand<Args>({
    args,
    run: ({ args: values, data }) => source.run(values, data as Session),
  });
  async function run(values: Values, session: Session): Promise<Exit> {
    const context = { rawArgs: [], args: values as ParsedArgs<Args>, cmd: definition, data: session };
    return ((await definition.run?.(context)) as Exit | undefined) ?? 0;
  }
  return { args, examples, notes, takesCommand, run };
}

/** A word that has to be given. */
export const argument = (description: string) => ({ type: "positional", required: true, description }) as const;

export const optionalArgument = (description: string) =>
  ({ type: "positional", required: false, description }) as const;

/** All words that are left, as a list. */
export const argumentList = (description: string) =>
  ({ type: "positional", repeatable: true, required: false, description }) as const;

/** The same, but at least one. */
export const requiredArgumentList = (description: string) =>
  ({ type: "positional", repeatable: true, required: true, description }) as const;

/** An option that is there or not. */
export const flag = (description: string) => ({ type: "boolean", description }) as const;

/** An option with a value, which help calls `valueHint`. */
export const option = (valueHint: string, description: string) => ({ type: "string", valueHint, description }) as const;

/** One that has to be given. */
export const requiredOption = (valueHint: string, description: string) =>
  ({ type: "string", required: true, valueHint, description }) as const;

/** One that may be given several times; its value is a list, of which citty's types know nothing. */
export const repeatableOption = (valueHint: string, description: string) =>
  ({ type: "string", repeatable: true, valueHint, description }) as const;

/** The option of every command that changes state. */
export const idempotencyKey = {
  "idempotency-key": option("KEY", "repeat a request safely: the same key gets the first answer again, for 7 days"),
} as const satisfies ArgsDef;

export const taskArg = {
  task: argument("the task's name or id, or a unique prefix of the id"),
} as const satisfies ArgsDef;

export const nodeArg = {
  node: argument("the node's name or id, or a unique prefix of the id"),
} as const satisfies ArgsDef;

export const leaseArg = {
  lease: argument("the lease's id, or a unique prefix of it"),
} as const satisfies ArgsDef;
