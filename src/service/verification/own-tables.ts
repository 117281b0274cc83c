import type { Reads } from "../../store/reads.ts";
import type { SliceBounds } from "../../store/store.ts";
import type { AnswerRow } from "../../store/tables/verification-reads.ts";
import { wrong } from "./differences.ts";

/* What follows from itself and not from the journal: the schema, and answers that are kept for a repetition. */

/** Before every row a table can hold; a row that was altered may be 0, or less. */
export const beforeAll = Number.MIN_SAFE_INTEGER;

/** Looks at them, slice by slice. @throws {FoundDifference} */
export function* checkOwnTables(reads: Reads, slice: SliceBounds): Generator<void, void, void> {
  checkSchema(reads);
  yield* inSlices((after) => reads.verification.answers(after, slice), checkAnswer);
}

function checkSchema(reads: Reads): void {
  const fault = reads.verification.schemaFault();
  if (fault === null) return;
  const { name, expected, found } = fault;
  const how = found === null ? "is missing" : expected === null ? "is not agentd's" : "was altered";
  throw wrong(`schema ${name}`, "sql", expected, found, `it ${how}`);
}

function* inSlices<Row extends { row: number }>(
  readSlice: (afterRow: number) => Row[],
  check: (row: Row) => void,
): Generator<void, void, void> {
  for (let rows = readSlice(beforeAll); rows.length > 0; rows = readSlice(rows.at(-1)?.row ?? beforeAll)) {
    rows.forEach(check);
    yield;
  }
}

function checkAnswer({ key, expected, digest }: AnswerRow): void {
  if (expected === digest) return;
  throw wrong(`idempotency key ${key}`, "digest", expected, digest, "the answer kept under it was altered");
}
