import { type Decision, refuse } from "../../core/decision.ts";
import { genesis, isOriginalEvent } from "../../core/journal/journal.ts";
import {
  gapsOf,
  leaves,
  type Leaving,
  type LeavingRows,
  pruneEntry,
  submittedBundle,
  UnitsThatStay,
} from "../../core/journal/prune.ts";
import type { ChainedRow } from "../../protocol/chain.ts";
import type { Params, Result } from "../../protocol/methods.ts";
import { type Archive, startArchive } from "../../store/files/archive.ts";
import type { Pruning, Reads } from "../../store/reads.ts";
import { type SliceBounds, storageRefusal, type StorageRefused } from "../../store/store.ts";
import type { Context, Handlers, PendingAnswer } from "../handler.ts";
import { isLeaving, PlaceInLine } from "../verification/long-walks.ts";

type Pruned = Result<"PruneJournal">;

/** What one turn looks at: some milliseconds. */
const slice: SliceBounds = { rows: 500, chars: 1 << 20 };

/** Nodes that go in one turn: some milliseconds. */
const nodesAtOnce = 128;

/** Pages of the file that go in one turn: some milliseconds. */
const pagesAtOnce = 256;

/** Tasks that leave with one entry of the journal; what is left goes with the next. */
const tasksAtOnce = 2_000;

export const pruneHandlers = {
  PruneJournal: prune,
} satisfies Partial<Handlers>;

/** Looks for what is old, archives it, and lets it leave, a slice a turn; verifications wait meanwhile, and the other way. */
function prune(params: Params<"PruneJournal">, started: Context): PendingAnswer<Pruned, StorageRefused> {
  const place = new PlaceInLine(started.store);
  let leaving = false;
  const run = new Run(params, started);
  const steps = run.steps();
  let reply: Decision<Pruned, StorageRefused> | null = null;
  return {
    get wakes() {
      return place.isBehind || leaving ? "any turn" : "turn";
    },
    waitMs: null,
    end() {
      place.leave();
      run.cancel();
    },
    resume(context, last) {
      // Where its turn failed with it, it is asked once more.
      if (reply !== null) return { reply };
      if (last || !place.takeTurn()) return null;
      run.context = context;
      try {
        // Until what it, or an earlier one, has let go is gone.
        leaving = isLeaving(context.reads);
        if (leaving) return null;
        const step = steps.next();
        if (step.done !== true) return null;
        reply = step.value;
        return { reply };
      } catch (error) {
        reply = refuse("STORAGE_FAILED", `pruning has failed: ${String(error)}`);
        return { reply: storageRefusal(error) };
      }
    },
  };
}

/** What is to leave, and the row by which the journal is cut. */
interface Plan extends Leaving {
  cutSeq: number;
  olderThanMs: number;
  tasks: ReadonlySet<string>;
  nodes: number;
  /** The journal's end when this was planned. */
  planSeq: number;
  /** What locks name as their task and agentd never had: their rows leave as those of no task do. */
  strangers: ReadonlySet<string>;
  /** Tasks that are as old are left for the next time. */
  more: boolean;
  staying: readonly string[];
}

class Run {
  readonly #params: Params<"PruneJournal">;
  /** This turn's. */
  context: Context;
  #archive: Archive | null = null;
  #report: Pruned | null = null;

  constructor(params: Params<"PruneJournal">, context: Context) {
    this.#params = params;
    this.context = context;
  }

  cancel(): void {
    this.#archive?.cancel();
    this.#archive = null;
  }

  *steps(): Generator<void, Pruned, void> {
    const olderThanMs = this.context.nowMs - this.#params.older_than_secs * 1000;
    for (;;) {
      const plan = yield* this.#plan(olderThanMs);
      const { archive, left } = yield* this.#archiveRows(plan);
      const found = { tasks: plan.tasks.size, nodes: plan.nodes, rows: left.rows };
      if (archive === null) return this.#sum(found, null);
      const began = yield* this.#leave(plan, archive, left);
      if (!began) continue;
      this.#sum(found, archive.path);
      if (!plan.more) break;
    }
    this.context.caches.forget();
    return this.#sum({ tasks: 0, nodes: 0, rows: 0 }, null);
  }

  #sum(found: Pick<Pruned, "tasks" | "nodes" | "rows">, archive: string | null): Pruned {
    const { reads } = this.context;
    const before = this.#report ?? { tasks: 0, nodes: 0, rows: 0, archives: [] };
    this.#report = {
      tasks: before.tasks + found.tasks,
      nodes: before.nodes + found.nodes,
      rows: before.rows + found.rows,
      archives: archive === null ? before.archives : [...before.archives, archive],
      dry_run: this.#params.dry_run,
      seq: reads.head.seq,
    };
    return this.#report;
  }

  *#plan(olderThanMs: number): Generator<void, Plan, void> {
    const planSeq = this.context.reads.head.seq;
    const cutSeq = this.context.reads.journal.lastSeqBefore(olderThanMs);
    const tasks = new Set<string>();
    let nodes = 0;
    let more = false;
    for (let after: number | null = 0; after !== null && !more; yield) {
      const idle = this.context.reads.tasks.idle(after, cutSeq, olderThanMs);
      for (const { id, counts } of idle.tasks) {
        tasks.add(id);
        nodes += Object.values(counts).reduce((sum, count) => sum + count, 0);
      }
      after = idle.afterRow;
      more = after !== null && tasks.size >= tasksAtOnce && !this.#params.dry_run;
    }
    const strangers = new Set<string>();
    const staysKnown = new Set<string>();
    const task = (taskId: string): boolean => {
      if (tasks.has(taskId) || strangers.has(taskId)) return true;
      if (staysKnown.has(taskId)) return false;
      const isStranger = this.context.reads.tasks.find(taskId) === null;
      (isStranger ? strangers : staysKnown).add(taskId);
      return isStranger;
    };
    const units = new UnitsThatStay(task);
    for (const rows of this.#rowsUpTo(cutSeq)) {
      for (const { row } of rows) units.read(row);
      yield;
    }
    const staying = new Set(units.all);
    const stays = (unit: string) => staying.has(unit);
    return { planSeq, cutSeq, olderThanMs, tasks, nodes, strangers, more, task, stays, staying: [...staying] };
  }

  /** Writes what leaves to an archive, which is none where nothing leaves, or nothing is to. */
  *#archiveRows(plan: Plan): Generator<void, { archive: Archive | null; left: LeavingRows }, void> {
    const { reads, nowMs, paths } = this.context;
    const left: LeavingRows = { rows: 0, events: 0 };
    let previous = genesis;
    for (const old of this.#rowsUpTo(plan.cutSeq)) {
      const leaving = old.flatMap(({ row, hash }) => {
        const before = previous;
        previous = { seq: row.seq, hash };
        if (!leaves(row, plan)) return [];
        const previousHash = row.seq === before.seq + 1 ? before.hash : reads.journal.hashBefore(row.seq);
        return [{ row, hash, previousHash }];
      });
      left.rows += leaving.length;
      left.events += leaving.filter(({ row }) => isOriginalEvent(row)).length;
      if (leaving.length > 0 && !this.#params.dry_run) {
        const name = `journal-to-${plan.cutSeq}-${nowMs}.jsonl.gz`;
        const header = { cut_seq: plan.cutSeq, written_at_ms: nowMs };
        this.#archive ??= startArchive(`${paths.home}/archive`, name, header);
        this.#archive.append(leaving);
      }
      yield;
    }
    return { archive: this.#archive, left };
  }

  /** The journal's rows up to one, a slice a turn. */
  *#rowsUpTo(cutSeq: number): Generator<ChainedRow[], void, void> {
    for (let after = 0; after < cutSeq;) {
      const rows = this.context.reads.journal.slice(after, slice);
      after = rows.at(-1)?.row.seq ?? cutSeq;
      yield rows.filter(({ row }) => row.seq <= cutSeq);
    }
  }

  /** Lets it leave, unless something of it has come to life meanwhile: then all is to be planned anew. */
  *#leave(plan: Plan, archive: Archive, left: LeavingRows): Generator<void, boolean, void> {
    const { sha256 } = archive.finish();
    this.#archive = null;
    for (let after = plan.planSeq; ; yield) {
      const { reads } = this.context;
      const since = reads.journal.slice(after, slice);
      const isAlive = since.some(({ row }) => row.taskId !== null && plan.tasks.has(row.taskId));
      if (isAlive) return gaveUp(archive);
      after = since.at(-1)?.row.seq ?? after;
      if (after >= reads.head.seq) break;
    }
    const { apply, nowMs } = this.context;
    const { cutSeq, olderThanMs, staying } = plan;
    const leaving = { tasks: [...plan.tasks], strangers: [...plan.strangers], cutSeq, staying };
    const name = archive.path.slice(archive.path.lastIndexOf("/") + 1);
    const told = { olderThanMs, cutSeq, rows: left.rows, tasks: plan.tasks.size, archive: name, archiveSha256: sha256 };
    const seq = apply({ kind: "beginPruning", leaving, left, entry: pruneEntry(told, nowMs) });
    yield;
    // Only now it is known whether that was committed.
    const row = this.context.reads.journal.at(seq);
    const isMine = JSON.stringify(row?.payload ?? null).includes(sha256);
    return isMine || gaveUp(archive);
  }
}

function gaveUp(archive: Archive): false {
  archive.remove();
  return false;
}

/** Takes some more out of what leaves: rows of the journal, then nodes, then the pages they took. */
export function goOnPruning({ reads, apply }: Context): void {
  const pruning = reads.pruning.current();
  if (pruning?.stage === "rows") takeOutRows(pruning, reads, apply);
  else if (pruning?.stage === "nodes") apply({ kind: "takeOutNodes", limit: nodesAtOnce });
  else if (pruning?.stage === "pages") {
    apply({ kind: "freePages", pages: pagesAtOnce, last: reads.pruning.freePages() <= pagesAtOnce });
  }
}

function takeOutRows({ cutSeq, afterSeq, staying }: Pruning, reads: Reads, apply: Context["apply"]): void {
  const old = reads.journal.slice(afterSeq, slice).filter(({ row }) => row.seq <= cutSeq);
  const last = old.at(-1);
  if (last === undefined) return void apply({ kind: "takeOutNodes", limit: nodesAtOnce });
  const leaving: Leaving = { task: (taskId) => reads.pruning.isDeparting(taskId), stays: (unit) => staying.has(unit) };
  const gone = old.filter(({ row }) => leaves(row, leaving));
  const bundles = gone.flatMap(({ row }) => submittedBundle(row) ?? []);
  apply({ kind: "takeOutRows", gaps: gapsOf(gone), bundles, uptoSeq: last.row.seq });
}
