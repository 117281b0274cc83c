import type * as v from "valibot";
import type { ErrorKind } from "./errors.ts";

type AnySchema = v.GenericSchema;

/** One method of the contract. Everything else about a method is derived from its row. */
export interface Method<
  Params extends AnySchema = AnySchema,
  Result extends AnySchema = AnySchema,
  Refused extends ErrorKind = ErrorKind,
> {
  /** One sentence, shown by `DescribeInterface`, `agentd describe` and the reference. */
  summary: string;
  /** Whether the method may change state: it then runs in the group commit, carries `seq` and takes an idempotency key. */
  mutates: boolean;
  /** False where one that does not mutate leaves something behind all the same, so that asking it twice is no repetition. */
  repeatable?: false;
  params: Params;
  result: Result;
  /** What its handler may refuse it with, beside what every method can answer; another kind does not compile there. */
  refusals: readonly Refused[];
  /** One call and its answer, as a client sees them. Tests hold both against the schemas. */
  example: { params: v.InferInput<Params>; result: v.InferOutput<Result> };
  /** Names the original took for the method, beside PascalCase and snake_case. */
  aliases?: readonly string[];
  /** The parameter that lists new nodes: how many a task may have is a setting. */
  newNodes?: string;
  /** The original's method had no parameters, and took whatever stood in their place. */
  originalParams?: "none";
  /** Older spellings of parameters: old name → name. */
  renamedParams?: Readonly<Record<string, string>>;
}

/** Gives a row its exact types; the value is the row itself. */
export function defineMethod<
  const Params extends AnySchema,
  const Result extends AnySchema,
  const Refused extends ErrorKind,
>(row: Method<Params, Result, Refused>): Method<Params, Result, Refused> {
  return row;
}

/** `AcquireNextNode` → `acquire_next_node`. */
export function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, "_$&").toLowerCase();
}
