import type { ChainedRow, HashedRow } from "../../protocol/chain.ts";
import { parseStored } from "../../protocol/json.ts";
import type { Transition } from "../../protocol/transition.ts";
import { kindOf, type Payload, transitions } from "../../protocol/transitions.ts";
import { type EntryOf, entryOf, ofNoTask } from "./journal.ts";
import { ReplayedLocks, replayLocks } from "./replay-locks.ts";
import { fields, text } from "./replayed.ts";

/*
 * Which rows leave the journal together, so that what stays can still be replayed: all of a finished task, all of a
 * lease of locks that has ended, all of a patch bundle that was decided.
 */

/** What leaves, beside rows of no task. */
export interface Leaving {
  /** Whether the task leaves, with all of its rows. */
  task(taskId: string): boolean;
  /** Leases of locks and bundles that stay although some of their rows are of no task, or of one that leaves. */
  stays(unit: string): boolean;
}

/** Whether a row leaves that is old enough. */
export function leaves(row: HashedRow, leaving: Leaving): boolean {
  if (unitFieldOf(row) === "lasting") return false;
  if (row.taskId !== null && !leaving.task(row.taskId)) return false;
  const unit = unitOf(row);
  return unit === null || !leaving.stays(unit);
}

/** The bundle whose submission this row is, null for any other: with it the bundle leaves. */
export function submittedBundle(row: HashedRow): string | null {
  return kindOf(row.actionType, row.origin) === "SUBMIT_PATCH_BUNDLE" ? unitOf(row) : null;
}

/** What names the unit a row leaves with. What clients tell leaves by itself. */
function unitFieldOf({ actionType, origin }: HashedRow): Transition["unit"] {
  const kind = kindOf(actionType, origin);
  return kind === undefined ? "row" : transitions[kind].unit;
}

/** The lease of locks, or the bundle, the row is about: its rows leave together. */
function unitOf(row: HashedRow): string | null {
  const field = unitFieldOf(row);
  if (field === "row" || field === "lasting") return null;
  return text(fields(parseStored(row.payload))[field]);
}

/** Reads the old part of a journal in order, and finds which leases and bundles must stay. */
export class UnitsThatStay {
  readonly #taskLeaves: (taskId: string) => boolean;
  readonly #locks = new ReplayedLocks();
  /** What has not ended so far, and whether rows of it leave (1), stay (2) or both. */
  readonly #open = new Map<string, number>();
  /** What has ended, with some rows of a task that stays. */
  readonly #mixed = new Set<string>();

  constructor(taskLeaves: (taskId: string) => boolean) {
    this.#taskLeaves = taskLeaves;
  }

  read(row: HashedRow): void {
    const unit = unitOf(row);
    if (unit === null) return;
    const stays = row.taskId !== null && !this.#taskLeaves(row.taskId);
    const kinds = (this.#open.get(unit) ?? 0) | (stays ? 2 : 1);
    this.#open.set(unit, kinds);
    if (!this.#ends(row, unit)) return;
    this.#open.delete(unit);
    if (kinds === 3) this.#mixed.add(unit);
  }

  /** Those with a row that would leave, and one that stays or is still to come. */
  get all(): string[] {
    const open = [...this.#open].filter(([, kinds]) => kinds !== 2).map(([unit]) => unit);
    return [...open, ...this.#mixed];
  }

  #ends(row: HashedRow, unit: string): boolean {
    if (unitFieldOf(row) === "bundle_id") return row.actionType === "DECIDE_PATCH_BUNDLE";
    replayLocks({ locks: this.#locks, brief: (its) => its }, { ...row, payload: parseStored(row.payload) });
    return !this.#locks.holds(unit);
  }
}

/** What a pruning took, as the journal keeps it. */
export interface Pruned {
  /** Rows written before this moment were old enough; milliseconds since 1970. */
  olderThanMs: number;
  /** Rows up to here were looked at. */
  cutSeq: number;
  rows: number;
  tasks: number;
  /** The archive's name in the home's `archive` directory, and the SHA-256 of the file. */
  archive: string;
  archiveSha256: string;
}

/** The row that tells of a pruning. */
export function pruneEntry(pruned: Pruned, nowMs: number): EntryOf<"PRUNE_JOURNAL"> {
  const payload: Payload<"PRUNE_JOURNAL"> = {
    older_than_ms: pruned.olderThanMs,
    cut_seq: pruned.cutSeq,
    rows: pruned.rows,
    tasks: pruned.tasks,
    archive: pruned.archive,
    archive_sha256: pruned.archiveSha256,
  };
  return entryOf("PRUNE_JOURNAL", ofNoTask, payload, nowMs);
}

/** A run of rows that have left, or leave. `hash` is the last one's. */
export interface Gap {
  firstSeq: number;
  lastSeq: number;
  hash: string;
}

/** The gaps that these rows leave, in their order. */
export function gapsOf(rows: readonly ChainedRow[]): Gap[] {
  const gaps: Gap[] = [];
  for (const { row, hash } of rows) {
    const gap = gaps.at(-1);
    if (gap?.lastSeq === row.seq - 1) Object.assign(gap, { lastSeq: row.seq, hash });
    else gaps.push({ firstSeq: row.seq, lastSeq: row.seq, hash });
  }
  return gaps;
}

export interface LeavingTasks {
  tasks: readonly string[];
  /** What locks name as their task and nobody registered: rows of it leave too. */
  strangers: readonly string[];
  cutSeq: number;
  /** Leases of locks and bundles all of whose rows stay. */
  staying: readonly string[];
}

/** How many rows leave, and how many of them the original's journal would hold. */
export interface LeavingRows {
  rows: number;
  events: number;
}
