import { parseStored } from "../../protocol/json.ts";
import type { Reads } from "../../store/reads.ts";
import type { SliceBounds } from "../../store/store.ts";
import type { AnswerRow, LabelMemberRow, LabelSetRow } from "../../store/tables/verification-reads.ts";
import { wrong } from "./differences.ts";

/* What follows from itself and not from the journal: the schema, and tables that only serve a search or a repetition. */

/** Before every row a table can hold; a row that was altered may be 0, or less. */
export const beforeAll = Number.MIN_SAFE_INTEGER;

/** Looks at them, slice by slice. @throws {Found} */
export function* checkOwnTables(reads: Reads, slice: SliceBounds): Generator<void, void, void> {
  checkSchema(reads);
  yield* inSlices((after) => reads.verification.answers(after, slice), checkAnswer);
  yield* inSlices(
    (after) => reads.verification.labelSets(after, slice.rows),
    (set) => checkLabelSet(set, reads),
  );
  yield* checkLabelMembers(reads, slice);
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

function checkLabelSet({ row, labels }: LabelSetRow, reads: Reads): void {
  for (const [name, value] of Object.entries(labelsIn(labels))) {
    if (typeof value === "string" && reads.verification.hasLabel(row, name, value)) continue;
    throw wrong(`label set ${row}`, name, value, null, `a search for ${name} does not find it`);
  }
}

function* checkLabelMembers(reads: Reads, slice: SliceBounds): Generator<void, void, void> {
  let after: Omit<LabelMemberRow, "labels"> = { name: "", value: "", row: beforeAll };
  for (;;) {
    const members = reads.verification.labelMembers(after, slice.rows);
    for (const member of members) {
      const { name, value, row, labels } = member;
      if (labelsIn(labels ?? "{}")[name] !== value) {
        throw wrong(
          `label set ${row}`,
          name,
          null,
          value,
          `a search for ${name}=${value} finds it, and it has other labels`,
        );
      }
      after = member;
    }
    if (members.length < slice.rows) return;
    yield;
  }
}

/** Text that was altered may be no JSON any more. */
function labelsIn(text: string): Record<string, unknown> {
  try {
    return { ...(parseStored(text) as object) };
  } catch {
    return {};
  }
}
