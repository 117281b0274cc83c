import type { Result } from "../../protocol/methods.ts";
import type { Misfit } from "../../store/tables/verification-reads.ts";

export type Difference = NonNullable<Result<"VerifyJournal">["first_difference"]>;

/** Ends a verification with what it looked for. */
export class FoundDifference extends Error {
  readonly difference: Difference;

  constructor(difference: Difference) {
    super(difference.message);
    this.difference = difference;
  }
}

/** Texts longer than their SHA-256 are compared by it. */
export const brief = (text: string): string => (text.length <= 64 ? text : Bun.SHA256.hash(text, "hex"));

/** Compares what was replayed with a row, whose long texts are made brief as the replayed ones are. @throws {FoundDifference} */
export function expectSameFields(where: string, expected: object, found: object): void {
  const columns: Record<string, unknown> = { ...found };
  for (const [field, value] of Object.entries(expected)) {
    const column = columns[field];
    if (isRecord(value) && isRecord(column)) expectSameFields(`${where} ${field}`, value, column);
    else expectSame(where, field, value, typeof column === "string" ? shortened(field, column) : column);
  }
}

const isRecord = (value: unknown): value is object => typeof value === "object" && value !== null;

/** Ids are replayed as they are, and so is what says for whom a node waits, and what it needs. */
const shortened = (field: string, text: string): string => (whole.has(field) ? text : brief(text));
const whole: ReadonlySet<string> = new Set(["dependencies", "resources", "policy"]);

/** @throws {FoundDifference} */
export function expectSame(where: string, field: string, expected: unknown, found: unknown): void {
  if (expected !== found) throw differs(where, field, expected, found);
}

/** What a store keeps for itself follows from the rest. @throws {FoundDifference} */
export function expectFit(where: string, misfit: Misfit | null, source = journal): void {
  const told = (value: unknown) => (typeof value === "string" ? brief(value) : value);
  if (misfit !== null) throw differs(where, misfit.field, told(misfit.expected), told(misfit.found), source);
}

const journal = "the journal";

/** What is found, and what the journal says, or another that knows. */
export function differs(
  where: string,
  field: string,
  expected: unknown,
  found: unknown,
  source = journal,
): FoundDifference {
  const message = `${where}: ${field} is ${JSON.stringify(found)}, ${source} says ${JSON.stringify(expected)}`;
  return new FoundDifference({ where, field, expected, found, message });
}

/** What is wrong by itself, whatever the journal says. */
export function wrong(
  where: string,
  field: string,
  expected: unknown,
  found: unknown,
  message: string,
): FoundDifference {
  return new FoundDifference({ where, field, expected, found, message: `${where}: ${message}` });
}
