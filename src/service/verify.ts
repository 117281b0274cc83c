import { genesis, type JournalHead } from "../core/journal.ts";
import { ImpossibleRow, Replay } from "../core/replay.ts";
import { parseStored } from "../protocol/json.ts";
import type { Result } from "../protocol/methods.ts";
import type { Store } from "../store/store.ts";
import type { Later } from "./handler.ts";

type Report = Result<"VerifyJournal">;
type Difference = NonNullable<Report["first_difference"]>;

/** Rows one slice looks at: a few milliseconds, after which other clients get their turn. */
const sliceRows = 500;

/** Ends a verification with what it looked for. */
class Found extends Error {
  readonly difference: Difference;

  constructor(difference: Difference) {
    super(difference.message);
    this.difference = difference;
  }
}

/**
 * Verifies in slices between other requests. Each slice first follows the journal to its end, so that the replayed
 * state stands for the same moment as the tables it is compared with, however much was written in between.
 */
export function verifyJournal(store: Store): Later<Report> {
  const verification = new Verification(store);
  const slices = verification.slices();
  return {
    wakes: "turn",
    waitMs: null,
    resume() {
      try {
        return slices.next().done === true ? verification.report(null) : null;
      } catch (error) {
        if (error instanceof Found) return verification.report(error.difference);
        throw error;
      }
    },
  };
}

class Verification {
  readonly #store: Store;
  readonly #replay = new Replay();
  #head: JournalHead = genesis;
  #rows = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  *slices(): Generator<void, void, void> {
    const store = this.#store;
    yield* this.#compareAll("task", this.#replay.tasks, (after) => store.taskSlice(after, sliceRows));
    yield* this.#compareAll("node", this.#replay.nodes, (after) => store.nodeSlice(after, sliceRows));
    // Locks come and go, so they are compared in one slice, the last one, together with the head.
    while (!this.#follow()) yield;
    this.#compareLocks();
    this.#compareHead();
  }

  report(difference: Difference | null): Report {
    return {
      ok: difference === null,
      rows: this.#rows,
      last_seq: this.#head.seq,
      head_hash: this.#head.hash,
      tasks: this.#replay.tasks.size,
      nodes: this.#replay.nodes.size,
      locks: this.#replay.locks.size,
      first_difference: difference,
    };
  }

  /** Replays one slice of the journal; true when that was its end. */
  #follow(): boolean {
    const slice = this.#store.journalSlice(this.#head.seq, sliceRows);
    for (const { row, hash } of slice) {
      const where = `journal row ${row.seq}`;
      expectSame(where, "seq", this.#head.seq + 1, row.seq);
      expectSame(where, "hash", this.#store.hashOf(this.#head.hash, row), hash);
      try {
        this.#replay.apply({ ...row, payload: parseStored(row.payload) });
      } catch (error) {
        if (!(error instanceof ImpossibleRow)) throw error;
        throw differs(where, row.actionType, null, error.message);
      }
      this.#head = { seq: row.seq, hash };
    }
    this.#rows += slice.length;
    return slice.length < sliceRows;
  }

  /** Compares a table that only grows, slice by slice, with what was replayed. */
  *#compareAll<Row extends { id: string; row: number; waitingOn?: number }>(
    what: string,
    replayed: ReadonlyMap<string, object>,
    slice: (afterRow: number) => Row[],
  ): Generator<void, void, void> {
    let compared = 0;
    for (let after = 0; ; yield) {
      if (!this.#follow()) continue;
      const rows = slice(after);
      for (const { row, id, waitingOn, ...found } of rows) {
        after = row;
        const expected = replayed.get(id);
        if (expected === undefined) throw differs(`${what} ${id}`, "existence", null, "in the table only");
        expectSameFields(`${what} ${id}`, expected, found);
        if (waitingOn !== undefined) expectSame(`node ${id}`, "waiting_on", this.#replay.waitingOn(id), waitingOn);
      }
      compared += rows.length;
      if (rows.length < sliceRows) break;
    }
    expectSame(`${what}s`, "count", replayed.size, compared);
  }

  #compareLocks(): void {
    const { locks } = this.#replay;
    const rows = this.#store.lockSlice("", Number.MAX_SAFE_INTEGER);
    for (const { resourceKey, ...found } of rows) {
      const expected = locks.get(resourceKey);
      if (expected === undefined) throw differs(`lock ${resourceKey}`, "existence", null, "in the table only");
      expectSameFields(`lock ${resourceKey}`, expected, found);
    }
    expectSame("locks", "count", locks.size, rows.length);
  }

  #compareHead(): void {
    const { head, totals } = this.#store;
    expectSame("journal head", "seq", this.#head.seq, head.seq);
    expectSame("journal head", "hash", this.#head.hash, head.hash);
    expectSame("journal head", "events", this.#rows, totals.events);
    expectSame("journal head", "tasks", this.#replay.tasks.size, totals.tasks);
    const nodes = { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 };
    for (const { status } of this.#replay.nodes.values()) nodes[status]++;
    expectSameFields("journal head", nodes, totals.nodes);
  }
}

function expectSameFields(where: string, expected: object, found: object): void {
  const columns: Record<string, unknown> = { ...found };
  for (const [field, value] of Object.entries(expected)) expectSame(where, field, value, columns[field]);
}

function expectSame(where: string, field: string, expected: unknown, found: unknown): void {
  if (expected !== found) throw differs(where, field, expected, found);
}

function differs(where: string, field: string, expected: unknown, found: unknown): Found {
  const message = `${where}: ${field} is ${JSON.stringify(found)}, the journal says ${JSON.stringify(expected)}`;
  return new Found({ where, field, expected, found, message });
}
