import type { Database } from "bun:sqlite";
import { headTable } from "./head.ts";
import { bundleTable } from "./bundles.ts";
import { idempotencyTable } from "./idempotency.ts";
import { journalTable } from "./journal.ts";
import { attemptTable } from "./attempts.ts";
import { dependencyTable } from "./dependencies.ts";
import { leaseTable } from "./leases.ts";
import { lockSlices } from "./lock-slices.ts";
import { lockTable } from "./locks.ts";
import { nodeTable } from "./nodes.ts";
import { pruningTable } from "./pruning.ts";
import { taskTable } from "./tasks.ts";

/**
 * Everything prepared on one open connection. In all of these statements (SELECT ?) hides a value from the planner: SQLite
 * prepares a statement anew whenever a value is bound that could change its plan, and that costs ten times the search.
 */
export function tablesOf(db: Database) {
  return {
    db,
    head: headTable(db),
    journal: journalTable(db),
    tasks: taskTable(db),
    nodes: nodeTable(db),
    dependencies: dependencyTable(db),
    leases: leaseTable(db),
    attempts: attemptTable(db),
    locks: lockTable(db),
    lockSlices: lockSlices(db),
    bundles: bundleTable(db),
    idempotency: idempotencyTable(db),
    pruning: pruningTable(db),
    begin: db.prepare("BEGIN IMMEDIATE"),
    commit: db.prepare("COMMIT"),
    savepoint: db.prepare("SAVEPOINT request"),
    release: db.prepare("RELEASE request"),
    undo: db.prepare("ROLLBACK TO request"),
  };
}

export type Tables = ReturnType<typeof tablesOf>;
