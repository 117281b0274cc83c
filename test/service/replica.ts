import { constants, Database } from "bun:sqlite";
import { copyFileSync, existsSync, rmSync } from "node:fs";
import type { Effect } from "../../src/core/effects.ts";
import { parseStored } from "../../src/protocol/json.ts";
import { immutableUri } from "../../src/store/files/page-faults.ts";
import { openStore } from "../../src/store/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";

/** Effects that were committed together, each as JSON. */
export type Batch = readonly string[];

/** Listens to what happens to a store; the batches, to which every commit adds one. */
export function record(store: Store): Batch[] {
  const batches: Batch[] = [];
  let open: string[] = [];
  const [begin, apply, commit] = [store.begin.bind(store), store.apply.bind(store), store.commit.bind(store)];
  const abandon: Store["abandon"] = store.abandon.bind(store);
  const savepoint: Store["savepoint"] = store.savepoint.bind(store);
  store.begin = () => {
    begin();
    open = [];
  };
  store.apply = (effect) => {
    open.push(JSON.stringify(effect));
    return apply(effect);
  };
  store.savepoint = (work, keep) => {
    const before = open.length;
    let kept = false;
    try {
      return savepoint(work, (result) => (kept = keep(result)));
    } finally {
      if (!kept) open.length = before;
    }
  };
  store.commit = () => {
    commit();
    if (open.length > 0) batches.push(open);
    open = [];
  };
  store.abandon = (because) => {
    const before = store.reads.nodes;
    abandon(because);
    // Read anew from the disk, which does not tell what is held back.
    if (store.reads.nodes !== before) batches.push([JSON.stringify({ kind: "forgetHeldBack" } satisfies Effect)]);
  };
  return batches;
}

/** Lets the same happen to a store of its own, but for effects that are left out; what `heldBackIn` it then. */
export function replay(batches: Iterable<Batch>, path: string, openedAtMs: number, without?: Effect["kind"]): HeldBack {
  const store = openStore(path, () => openedAtMs);
  try {
    for (const batch of batches) {
      store.begin();
      for (const text of batch) {
        const effect = parseStored(text) as unknown as Effect;
        if (effect.kind !== without) store.apply(effect);
      }
      store.commit();
    }
    return heldBackIn(store);
  } finally {
    store.abandon();
    store.close();
  }
}

/** Nodes and the leases they wait for. */
type HeldBack = readonly string[];

/** Nodes that are kept from being handed out, which no table tells. */
export function heldBackIn({ reads }: Store): HeldBack {
  return reads.nodes
    .heldBack()
    .map(({ nodeId, leaseId }) => `${nodeId} by ${leaseId}`)
    .toSorted();
}

/**
 * What is held in memory is what the tables say, after what was journalled since `afterSeq`; the seq up to which that is
 * known. Not where to look would take long. @throws where it is not
 */
export function compareMemory(store: Store, afterSeq: number): number {
  const { head, totals, verification } = store.reads;
  if (totals.nodes.PENDING + totals.nodes.RUNNING > 100 || head.seq === afterSeq) return afterSeq;
  if (store.check() !== null) return head.seq;
  for (const read of ["memoryOfTasks", "memoryOfLocks"] as const) {
    const { fault } = verification[read](Number.MIN_SAFE_INTEGER, Number.POSITIVE_INFINITY);
    if (fault !== null) throw new Error(JSON.stringify(fault));
  }
  return head.seq;
}

/** Where the tables of two databases that nobody has open differ, all columns of all rows; null where they do not. */
export function differenceOf(path: string, other: string): string | null {
  const [one, two] = [rowsOf(path), rowsOf(other)];
  for (const table of new Set([...one.keys(), ...two.keys()])) {
    const [its, theirs] = [one.get(table) ?? [], two.get(table) ?? []];
    for (let row = 0; row < Math.max(its.length, theirs.length); row++) {
      if (its[row] !== theirs[row]) return `${table} holds ${its[row] ?? "no more"}, and ${theirs[row] ?? "no more"}`;
    }
  }
  return null;
}

/** Every row of every table, as one text each. */
function rowsOf(path: string): Map<string, string[]> {
  const db = new Database(immutableUri(path), constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
  try {
    const tables = db.query<{ name: string; wr: 0 | 1 }, []>(
      "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'",
    );
    const read = ({ name, wr }: { name: string; wr: 0 | 1 }) =>
      db.query<object, []>(wr === 1 ? `SELECT * FROM ${name}` : `SELECT rowid, * FROM ${name} ORDER BY rowid`).all();
    return new Map(tables.all().map((table) => [table.name, read(table).map((row) => JSON.stringify(row))]));
  } finally {
    db.close(true);
  }
}

/**
 * A second listener to what happens to a database from its opening on. It begins with a copy, gets every batch as JSON, and
 * must have the same in all tables in the end.
 */
export class Replica {
  readonly #database: string;
  readonly #path: string;
  readonly #openedAtMs: number;
  #batches: Batch[] = [];
  #heldBack: HeldBack | null = null;

  /** Before the database is opened. */
  constructor(database: string, openedAtMs: number) {
    this.#database = database;
    this.#path = `${database}.replica`;
    this.#openedAtMs = openedAtMs;
    this.#remove();
    for (const end of ["", "-wal"]) {
      if (existsSync(`${database}${end}`)) copyFileSync(`${database}${end}`, `${this.#path}${end}`);
    }
  }

  listen(store: Store): void {
    this.#batches = record(store);
    const close = store.close.bind(store);
    store.close = () => {
      this.#heldBack ??= store.check() === null ? heldBackIn(store) : null;
      close();
    };
  }

  /** After it is closed. @throws where a table differs, or what was held back in it */
  compare(): void {
    try {
      const held = replay(this.#batches, this.#path, this.#openedAtMs);
      const its = this.#heldBack ?? held;
      if (!Bun.deepEquals(held, its)) throw new Error(`${held.join()} are held back, and not ${its.join()}`);
      const difference = differenceOf(this.#database, this.#path);
      if (difference !== null) throw new Error(`the effects, applied again, do not give the same: ${difference}`);
    } finally {
      this.#remove();
    }
  }

  #remove(): void {
    for (const end of ["", "-wal", ".head"]) rmSync(`${this.#path}${end}`, { force: true });
  }
}
