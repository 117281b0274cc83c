import type { ErrorKind, Facts } from "../protocol/errors.ts";

/** A rule said no, and of which kinds that can be. Refusals are data; an exception is a bug. */
export interface Refusal<Kind extends ErrorKind> {
  readonly refused: Kind;
  readonly message: string;
  readonly facts: Facts;
}

/** What a rule decides: a value to go on with, or a refusal of one of these kinds. */
export type Decision<T, Kinds extends ErrorKind> = T | Refusal<Kinds>;

/** What is said of text that cannot be used: it is wrong, or too much. */
export type Unusable = "INVALID_PARAMS" | "LIMIT_EXCEEDED";

/** A refusal of a kind from the error table; the message says what was tried, what stands in the way, what to do. */
export function refuse<Kind extends ErrorKind>(refused: Kind, message: string, facts: Facts = {}): Refusal<Kind> {
  return { refused, message, facts };
}

export function isRefusal(decision: unknown): decision is Refusal<ErrorKind> {
  return typeof decision === "object" && decision !== null && "refused" in decision;
}
