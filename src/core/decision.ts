import type { ErrorKind, Facts } from "../protocol/errors.ts";

/** A rule said no. Refusals are data; an exception is a bug. */
export interface Refusal {
  readonly refused: ErrorKind;
  readonly message: string;
  readonly facts: Facts;
}

/** What a rule decides: a value to go on with, or a refusal. */
export type Decision<T> = T | Refusal;

/** A refusal of a kind from the error table; the message says what was tried, what stands in the way, what to do. */
export function refuse(refused: ErrorKind, message: string, facts: Facts = {}): Refusal {
  return { refused, message, facts };
}

export function isRefusal(decision: unknown): decision is Refusal {
  return typeof decision === "object" && decision !== null && "refused" in decision;
}
