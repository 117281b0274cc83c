import { actions, genesis, type JournalHead } from "../core/journal.ts";
import { Replay } from "../core/replay.ts";
import { lockName } from "../core/replay-locks.ts";
import { ImpossibleRow, type ReplayedNode, withAttempt } from "../core/replayed.ts";
import type { HashedRow } from "../protocol/chain.ts";
import { parseStored } from "../protocol/json.ts";
import type { Result } from "../protocol/methods.ts";
import type { NodeSliceRow, SliceBounds, Store } from "../store/store.ts";
import type { Later } from "./handler.ts";
import { queueUp } from "./long-walks.ts";

type Report = Result<"VerifyJournal">;
type Difference = NonNullable<Report["first_difference"]>;

/** What one slice looks at: some milliseconds, after which other clients get their turn. */
const slice: SliceBounds = { rows: 1_000, chars: 2 << 20 };

/** Texts longer than their SHA-256 are compared by it. */
const brief = (text: string): string => (text.length <= 64 ? text : Bun.SHA256.hash(text, "hex"));

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
  const place = queueUp(store);
  const verification = new Verification(store);
  return {
    wakes: "turn",
    waitMs: null,
    cancel: () => place.leave(),
    resume(_context, last) {
      let report: Report | null = null;
      let over = true;
      try {
        if (!last && place.isFirst && !isLeaving(store)) report = verification.goOn();
        over = last || report !== null;
        return report === null ? null : { reply: report };
      } finally {
        if (over) place.leave();
      }
    },
  };
}

/** What leaves is half there: the rest of it is not compared with anything. */
const isLeaving = ({ pruning }: Store): boolean => pruning !== null && pruning.stage !== "pages";

class Verification {
  readonly #store: Store;
  readonly #replay = new Replay(brief);
  readonly #slices = this.#verify();
  #head: JournalHead = genesis;
  #rows = 0;
  /** Rows that have left, by their gaps; and those the journal says have. */
  #gone = 0;
  #pruned = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Looks at the next slice; the report when that was the last one, or showed a difference. */
  goOn(): Report | null {
    try {
      return this.#slices.next().done === true ? this.#report(null) : null;
    } catch (error) {
      if (error instanceof Found) return this.#report(error.difference);
      throw error;
    }
  }

  *#verify(): Generator<void, void, void> {
    const store = this.#store;
    const nodesAfter = (after: number) => store.nodeSlice(after, slice).map(asReplayed);
    yield* this.#compareAll("task", this.#replay.tasks, (after) => store.taskSlice(after, slice));
    yield* this.#compareAll("node", this.#replay.nodes, nodesAfter, (its, row) => this.#expectNode(its, row));
    yield* this.#compareAll("bundle", this.#replay.bundles, (after) => store.bundleSlice(after, slice.rows));
    // Locks come and go, so they are compared in one slice, the last one, together with the head.
    while (!this.#follow()) yield;
    this.#compareLocks();
    this.#compareHead();
  }

  #report(difference: Difference | null): Report {
    return {
      ok: difference === null,
      rows: this.#rows,
      pruned_rows: this.#gone,
      last_seq: this.#head.seq,
      head_hash: this.#head.hash,
      tasks: this.#replay.tasks.size,
      nodes: this.#replay.nodes.size,
      locks: this.#replay.locks.all.size,
      bundles: this.#replay.bundles.size,
      first_difference: difference,
    };
  }

  /** Replays one slice of the journal; true when that was its end. */
  #follow(): boolean {
    const rows = this.#store.journalSlice(this.#head.seq, slice);
    for (const { row, hash } of rows) {
      const where = `journal row ${row.seq}`;
      if (row.seq !== this.#head.seq + 1) this.#jump();
      expectSame(where, "seq", this.#head.seq + 1, row.seq);
      expectSame(where, "hash", this.#store.hashOf(this.#head.hash, row), hash);
      try {
        this.#replay.apply({ ...row, payload: parseStored(row.payload) });
      } catch (error) {
        if (!(error instanceof ImpossibleRow)) throw error;
        throw differs(where, row.actionType, null, error.message);
      }
      if (row.origin === "daemon" && row.actionType === actions.pruneJournal) this.#pruned += prunedRows(row);
      this.#head = { seq: row.seq, hash };
    }
    this.#rows += rows.length;
    return rows.length === 0 || this.#head.seq === this.#store.head.seq;
  }

  /** Goes on behind rows that have left. */
  #jump(): void {
    const gap = this.#store.gapFrom(this.#head.seq + 1);
    if (gap === null) return;
    this.#gone += gap.lastSeq - this.#head.seq;
    this.#head = { seq: gap.lastSeq, hash: gap.hash };
  }

  /** Compares a table that only grows, slice by slice, with what was replayed. */
  *#compareAll<Replayed extends object, Row extends { id: string; row: number }>(
    what: string,
    replayed: ReadonlyMap<string, Replayed>,
    readSlice: (afterRow: number) => Row[],
    expect: (replayed: Replayed, row: Row) => object = (its) => its,
  ): Generator<void, void, void> {
    let compared = 0;
    let after = 0;
    for (;;) {
      // What is still being counted cannot be compared; some turns later it can.
      if (!this.#follow() || this.#store.isCounting) {
        yield;
        continue;
      }
      const rows = readSlice(after);
      for (const found of rows) {
        after = found.row;
        const where = `${what} ${found.id}`;
        const expected = replayed.get(found.id);
        if (expected === undefined) throw differs(where, "existence", null, "in the table only");
        expectSameFields(where, expect(expected, found), found);
      }
      compared += rows.length;
      // The table may grow for ever: it is done when all that was replayed by now has been compared.
      if (rows.length === 0 || compared >= replayed.size) break;
      yield;
    }
    expectSame(`${what}s`, "count", replayed.size, compared + readSlice(after).length);
  }

  /** A node's fields, and those that follow from it, its dependencies and its task: they decide who may have it. */
  #expectNode({ mayBeDelayed, ...replayed }: ReplayedNode, { id, isDelayed, taskPriority, taskPaused }: Derived) {
    // A COMPLETED node is not told of its task any more.
    const task =
      replayed.status === "COMPLETED"
        ? { priority: taskPriority, paused: taskPaused }
        : this.#replay.task(replayed.taskId);
    return {
      ...replayed,
      waitingOn: this.#replay.waitingOn(id),
      failingOn: this.#replay.failingOn(id),
      taskPriority: task.priority,
      taskPaused: task.paused,
      foundByLabels: true,
      // When a delay ends is not journalled.
      isDelayed: isDelayed && mayBeDelayed,
      heldBackInVain: false,
    };
  }

  #compareLocks(): void {
    const locks = this.#replay.locks.all;
    const rows = this.#store.lockSlice(0, Number.MAX_SAFE_INTEGER);
    for (const { row: _, ...found } of rows) {
      const where = `lock ${found.resourceKey}`;
      const expected = locks.get(lockName(found.leaseId, found.scope, found.resourceKey));
      if (expected === undefined) throw differs(where, "existence", null, "in the table only");
      expectSameFields(where, expected, found);
    }
    expectSame("locks", "count", locks.size, rows.length);
  }

  #compareHead(): void {
    const { head, totals } = this.#store;
    expectSame("journal", "rows that have left", this.#pruned, this.#gone);
    expectSame("journal head", "seq", this.#head.seq, head.seq);
    expectSame("journal head", "hash", this.#head.hash, head.hash);
    expectSame("journal head", "events", this.#rows, totals.events);
    expectSame("journal head", "tasks", this.#replay.tasks.size, totals.tasks);
    const nodes = { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 };
    for (const { status } of this.#replay.nodes.values()) nodes[status]++;
    expectSameFields("journal head", nodes, totals.nodes);
  }
}

type Derived = Pick<NodeSliceRow, "id" | "isDelayed" | "taskPriority" | "taskPaused">;

function prunedRows({ payload }: HashedRow): number {
  const { rows } = parseStored(payload) as { rows?: number };
  return rows ?? 0;
}

/** A node's row, its attempts told as a replay tells them. */
function asReplayed({ attempts, ...row }: NodeSliceRow) {
  const told = attempts.map(({ leaseOwner, error, ...attempt }) => ({
    ...attempt,
    leaseOwner: leaseOwner === null ? null : brief(leaseOwner),
    error: error === null ? null : brief(error),
  }));
  return { ...row, attempts: told.reduce((all, attempt) => withAttempt(all, attempt, brief), "") };
}

/** Compares what was replayed with a row, whose long texts are made brief as the replayed ones are. */
function expectSameFields(where: string, expected: object, found: object): void {
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

function expectSame(where: string, field: string, expected: unknown, found: unknown): void {
  if (expected !== found) throw differs(where, field, expected, found);
}

function differs(where: string, field: string, expected: unknown, found: unknown): Found {
  const message = `${where}: ${field} is ${JSON.stringify(found)}, the journal says ${JSON.stringify(expected)}`;
  return new Found({ where, field, expected, found, message });
}
