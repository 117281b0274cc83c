import type { JournalHead } from "../../core/journal/journal.ts";
import { Replay } from "../../core/journal/replay.ts";
import { lockName } from "../../core/journal/replay-locks.ts";
import type { Result } from "../../protocol/methods.ts";
import { type SliceBounds, type State, StorageFailure } from "../../store/store.ts";
import type { MemorySlice } from "../../store/tables/verification-reads.ts";
import {
  brief,
  differs,
  type Difference,
  expectFit,
  expectSame,
  expectSameFields,
  FoundDifference,
} from "./differences.ts";
import { FollowedJournal } from "./followed-journal.ts";
import { comparedLock, comparedNode, expectedLock, expectedNode, fieldsOf, type Placed } from "./expected-rows.ts";
import { damaged, type PageVerdict } from "./page-verdict.ts";
import { beforeAll, checkOwnTables } from "./own-tables.ts";

type Verified = Result<"VerifyJournal">;

/** What one slice looks at: a few milliseconds, after which other clients get their turn. */
const slice: SliceBounds = { rows: 500, chars: 512 << 10 };

interface Asked {
  /** A head that somebody keeps elsewhere. */
  kept: JournalHead | null;
  /** Whether what is held in memory is compared, too: of a store that serves nobody it was read just now. */
  memory: boolean;
}

/**
 * Goes through the whole journal, all tables and what is held in memory of them, a slice at a time. Each slice first follows the journal to its end, so
 * that the replayed state stands for the same moment as the tables it is compared with, however much was written in
 * between.
 */
export class VerificationWalk {
  readonly #store: State;
  readonly #replay = new Replay(brief);
  readonly #journal: FollowedJournal;
  readonly #slices = this.#verify();
  readonly #pages: PageVerdict;
  readonly #comparesMemory: boolean;
  #memoryIsChecked = false;
  /** The tables are as the journal says. */
  #isCompared = false;
  #nowMs = 0;

  constructor(store: State, pages: PageVerdict, { kept, memory }: Asked) {
    this.#store = store;
    this.#journal = new FollowedJournal(store.reads, this.#replay, kept);
    this.#pages = pages;
    this.#comparesMemory = memory;
  }

  /** Whether only the pages are left, and nothing can be done about them in a turn of its own. */
  get awaitsPages(): boolean {
    return this.#isCompared && this.#pages.waits;
  }

  /**
   * Looks at the next slice; the report when that was the last one, or showed a difference.
   * @throws {PagesUnknown | StorageFailure}
   */
  goOn(nowMs: number): Verified | null {
    this.#nowMs = nowMs;
    try {
      this.#pages.goOn();
      if (!this.#isCompared) this.#isCompared = this.#slices.next().done === true;
      return this.#isCompared && this.#pages.known ? this.#report(null) : null;
    } catch (error) {
      const found = error instanceof FoundDifference ? error : this.#unreadable(error);
      if (found === null) throw error;
      return this.#report(found.difference);
    }
  }

  cancel(): void {
    this.#pages.cancel();
  }

  /** Damage that comes to light when a row is read. */
  #unreadable(error: unknown): FoundDifference | null {
    const failure = error instanceof StorageFailure ? null : this.#store.failureIn(error);
    return failure?.kind === "STORAGE_FAILED" ? damaged([failure.message]) : null;
  }

  *#verify(): Generator<void, void, void> {
    const store = this.#store;
    const replay = this.#replay;
    yield* checkOwnTables(store.reads, slice);
    const tasksAfter = (after: number) => store.reads.verification.tasks(after, slice);
    yield* this.#compareAll("task", replay.tasks, tasksAfter, (where, replayed, row) =>
      expectSameFields(where, fieldsOf(replayed), row),
    );
    yield* this.#compareNodes();
    const bundlesAfter = (after: number) => store.reads.verification.bundles(after, slice);
    yield* this.#compareAll("bundle", replay.bundles, bundlesAfter, (where, replayed, row) => {
      expectSameFields(where, fieldsOf(replayed), row);
      expectFit(where, row.misfit);
    });
    yield* this.#compareLocks();
    if (this.#comparesMemory) yield* this.#compareMemory();
    while (!this.#follow()) yield;
    expectSame("locks", "count", replay.locks.all.size, store.reads.verification.countLocks());
    this.#journal.compareHead();
    this.#compareTotals();
  }

  #report(difference: Difference | null): Verified {
    return {
      ok: difference === null,
      pages_checked: this.#pages.known && !this.#pages.unchecked,
      memory_checked: this.#memoryIsChecked,
      ...this.#journal.told,
      tasks: this.#replay.tasks.size,
      nodes: this.#replay.nodes.size,
      locks: this.#replay.locks.all.size,
      bundles: this.#replay.bundles.size,
      first_difference: difference,
    };
  }

  #follow(): boolean {
    return this.#journal.follow(slice);
  }

  /** Compares the rows of a table in the order they were made, slice by slice; how many there were. */
  *#compareRows<Replayed extends Placed, Row extends { row: number }>(
    readSlice: (afterRow: number) => Row[],
    expected: (row: Row) => [where: string, replayed: Replayed | undefined],
    compare: (where: string, replayed: Replayed, row: Row) => void,
    isDone: (compared: number) => boolean,
  ): Generator<void, number, void> {
    let compared = 0;
    let [afterRow, afterPlace] = [beforeAll, -1];
    for (;;) {
      if (!this.#follow()) {
        yield;
        continue;
      }
      const rows = readSlice(afterRow);
      for (const found of rows) {
        const [where, replayed] = expected(found);
        if (replayed === undefined) throw differs(where, "existence", null, "in the table only");
        compare(where, replayed, found);
        if (replayed.place <= afterPlace) throw differs(where, "order", "before others", "after them");
        [afterRow, afterPlace] = [found.row, replayed.place];
      }
      compared += rows.length;
      // The table may grow for ever: it is done when all that was replayed by now has been compared.
      if (rows.length === 0 || isDone(compared)) return compared + readSlice(afterRow).length;
      yield;
    }
  }

  /** Compares a table that only grows. */
  *#compareAll<Replayed extends Placed, Row extends { id: string; row: number }>(
    what: string,
    replayed: ReadonlyMap<string, Replayed>,
    readSlice: (afterRow: number) => Row[],
    compare: (where: string, replayed: Replayed, row: Row) => void,
  ): Generator<void, void, void> {
    const expected = (row: Row) => [`${what} ${row.id}`, replayed.get(row.id)] as [string, Replayed | undefined];
    const isDone = (compared: number) => compared >= replayed.size;
    const rows = yield* this.#compareRows(readSlice, expected, compare, isDone);
    expectSame(`${what}s`, "count", replayed.size, rows);
  }

  *#compareNodes(): Generator<void, void, void> {
    const readSlice = (after: number) => this.#store.reads.verification.nodes(after, slice);
    yield* this.#compareAll("node", this.#replay.nodes, readSlice, (where, replayed, row) =>
      expectSameFields(where, expectedNode(replayed, row), comparedNode(row, this.#nowMs)),
    );
  }

  /** Locks come and go; those that come stand behind those that were compared already. */
  *#compareLocks(): Generator<void, void, void> {
    const locks = this.#replay.locks.all;
    yield* this.#compareRows(
      (after) => this.#store.reads.verification.locks(after, slice.rows),
      (row) => [`lock ${row.resourceKey}`, locks.get(lockName(row.leaseId, row.scope, row.resourceKey))],
      (where, replayed, row) => {
        expectSameFields(where, expectedLock(replayed, row), comparedLock(row, this.#nowMs));
        expectFit(where, row.misfit);
      },
      () => false,
    );
  }

  /** What is held in memory, with the tables of the same moment. */
  *#compareMemory(): Generator<void, void, void> {
    for (const read of ["memoryOfTasks", "memoryOfLocks"] as const) {
      for (let afterRow: number | null = beforeAll; afterRow !== null;) {
        const { fault, lastRow }: MemorySlice = this.#store.reads.verification[read](afterRow, slice.rows);
        expectFit(fault?.where ?? "", fault, "the database");
        afterRow = lastRow;
        yield;
      }
    }
    this.#memoryIsChecked = true;
  }

  #compareTotals(): void {
    const { totals } = this.#store.reads;
    expectSame("journal head", "tasks", this.#replay.tasks.size, totals.tasks);
    const nodes = { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 };
    for (const { status } of this.#replay.nodes.values()) nodes[status]++;
    expectSameFields("journal head", nodes, totals.nodes);
  }
}
