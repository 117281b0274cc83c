import type { Database } from "bun:sqlite";
import { type Entry, entryOf, genesis } from "../core/journal/journal.ts";
import type { FailureCause, LockGrant } from "../core/model.ts";
import { readResourceKey } from "../core/locks/resource-key.ts";
import { type Json, parseStored } from "../protocol/json.ts";
import type { Payload } from "../protocol/transitions.ts";
import type { NodeStatus } from "../protocol/types.ts";
import { recountEvents } from "./tables/head.ts";
import { journalTable } from "./tables/journal.ts";
import { lockTable } from "./tables/locks.ts";

/*
 * Takes over a database of the original (schema 1 or 2, or the unversioned one before): its events become the first
 * rows of the journal in their old order, its tasks and locks follow as ADOPT_ rows that hold their whole state, so that
 * a replay starts from them.
 */

interface OldTask {
  id: string;
  goal: string;
  context: string;
  created_at: string;
}

interface OldNode {
  id: string;
  task_id: string;
  status: NodeStatus;
  dependencies: string;
  payload_schema: string;
  result_payload: string | null;
  acquired_at: number | null;
  lease_id: string | null;
  lease_owner: string | null;
  lease_expires_at: number | null;
  updated_at: number;
}

interface OldEvent {
  id: string;
  task_id: string;
  node_id: string;
  action_type: string;
  payload: string;
  timestamp: string;
}

interface OldLock {
  resource_key: string;
  lease_id: string;
  owner: string;
  provider: string | null;
  task_id: string | null;
  node_id: string | null;
  metadata: string;
  acquired_at: number;
  lease_expires_at: number;
  updated_at: number;
}

/** When the adoption happens, and how long a lease runs: the original kept deadlines only. */
interface LeaseTerms {
  nowMs: number;
  leaseTtlMs: number;
}

/** Moves everything into the new tables and drops the old ones. Runs inside the migration's transaction. */
export function adoptOriginal(db: Database, nowMs: number, leaseTtlMs: number): void {
  const journal = journalTable(db);
  let head = genesis;
  const append = (entry: Entry): number => {
    head = journal.append(head, entry);
    return head.seq;
  };
  if (hasColumn(db, "event_journal", "id")) adoptEvents(db, append);
  adoptTasks(db, append, nowMs, leaseTtlMs);
  if (hasColumn(db, "resource_locks", "resource_key")) adoptLocks(db, append, nowMs);
  writeHead(db, head);
  for (const table of ["event_journal", "resource_locks", "dag_nodes", "global_tasks"]) {
    db.run(`DROP TABLE IF EXISTS ${table}`);
  }
}

type Append = (entry: Entry) => number;

function adoptEvents(db: Database, append: Append): void {
  const events = db.prepare<OldEvent, []>("SELECT * FROM event_journal ORDER BY timestamp, rowid");
  for (const event of events.iterate()) {
    append({
      id: event.id,
      taskId: event.task_id,
      nodeId: event.node_id,
      actionType: event.action_type,
      // Told by the original, not by this daemon's rules: a replay takes the state from the ADOPT_ rows instead.
      origin: "client",
      payload: storedJson(event.payload),
      timestampMs: isoMs(event.timestamp),
    });
  }
}

function adoptTasks(db: Database, append: Append, nowMs: number, leaseTtlMs: number): void {
  const insertTask = db.prepare<null, [string, string, string, number]>(`
    INSERT INTO tasks (id, goal, context, created_at_ms) VALUES (?, ?, ?, ?)`);
  const nodesOf = db.prepare<OldNode, [string]>("SELECT * FROM dag_nodes WHERE task_id = ? ORDER BY rowid");
  for (const old of db.query<OldTask, []>("SELECT * FROM global_tasks ORDER BY rowid").all()) {
    const context = storedJson(old.context);
    const createdAtMs = isoMs(old.created_at);
    const nodes = nodesOf.all(old.id);
    insertTask.run(old.id, old.goal, JSON.stringify(context), createdAtMs);
    const payload: Payload<"ADOPT_TASK"> = {
      goal: old.goal,
      context,
      created_at_ms: createdAtMs,
      nodes: nodes.map(nodeState),
    };
    const seq = append(entryOf("ADOPT_TASK", { taskId: old.id, nodeId: null }, payload, nowMs));
    insertNodes(db, nodes, seq, { nowMs, leaseTtlMs });
  }
}

/** A node as its ADOPT_TASK row tells it; only what differs from a freshly registered one is there. */
function nodeState(node: OldNode): Payload<"ADOPT_TASK">["nodes"][number] {
  const { result_payload: result, acquired_at: acquired } = node;
  return {
    id: node.id,
    dependencies: storedJson(node.dependencies) as string[],
    payload_schema: storedJson(node.payload_schema),
    status: node.status,
    ...(result === null ? {} : { result_payload: storedJson(result) }),
    ...(acquired === null ? {} : { acquired_at_ms: acquired * 1000 }),
    // The oldest databases have no columns for them.
    ...(node.status === "RUNNING" ? { lease_id: node.lease_id ?? null, lease_owner: node.lease_owner ?? null } : {}),
  };
}

type NodeValues = [
  id: string,
  taskId: string,
  status: NodeStatus,
  dependencies: string,
  resultPayload: string | null,
  acquiredAtMs: number | null,
  leaseId: string | null,
  leaseOwner: string | null,
  expiresAtMs: number | null,
  ttlMs: number | null,
  fencingToken: number | null,
  updatedAtMs: number,
  failure: FailureCause | null,
  failedAttempts: number,
];

function insertNodes(db: Database, nodes: readonly OldNode[], seq: number, { nowMs, leaseTtlMs }: LeaseTerms): void {
  const insert = db.prepare<null, NodeValues>(`
    INSERT INTO nodes (id, task_id, status, dependencies, result_payload, acquired_at_ms,
      lease_id, lease_owner, lease_expires_at_ms, lease_ttl_ms, fencing_token, updated_at_ms, failure, failed_attempts)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const insertBody = db.prepare<null, [number | bigint, string]>("INSERT INTO node_bodies VALUES (?, ?, '[]')");
  for (const node of nodes) {
    const dependencies = storedJson(node.dependencies) as string[];
    const running = node.status === "RUNNING";
    const deadline = running ? oldDeadlineMs(node, leaseTtlMs) : null;
    const { lastInsertRowid } = insert.run(
      node.id,
      node.task_id,
      node.status,
      JSON.stringify(dependencies),
      node.result_payload === null ? null : JSON.stringify(storedJson(node.result_payload)),
      node.acquired_at === null ? null : node.acquired_at * 1000,
      running ? (node.lease_id ?? null) : null,
      running ? (node.lease_owner ?? null) : null,
      deadline,
      deadline === null ? null : liveMs(deadline, nowMs, leaseTtlMs),
      running ? seq : null,
      node.updated_at * 1000,
      node.status === "FAILED" ? "error" : null,
      node.status === "FAILED" ? 1 : 0,
    );
    insertBody.run(lastInsertRowid, JSON.stringify(storedJson(node.payload_schema)));
  }
}

function adoptLocks(db: Database, append: Append, nowMs: number): void {
  const locks = lockTable(db);
  for (const old of db.query<OldLock, []>("SELECT * FROM resource_locks ORDER BY resource_key").all()) {
    const { resource_key, lease_id, owner, provider, task_id, node_id } = old;
    const metadata = storedJson(old.metadata);
    const acquiredAtMs = old.acquired_at * 1000;
    const expiresAtMs = old.lease_expires_at * 1000;
    const told = { lease_id, owner, provider, metadata, acquired_at_ms: acquiredAtMs, locks: [{ resource_key }] };
    const { normal: normalKey } = readResourceKey(resource_key, { ignoreCase: false, scope: "global" });
    const key = { resourceKey: resource_key, normalKey, scope: "", mode: "exclusive", ignoreCase: false } as const;
    const grant: LockGrant = {
      locks: [key],
      leaseId: lease_id,
      owner,
      provider,
      taskId: task_id,
      nodeId: node_id,
      metadata,
      endsWithNode: false,
      acquiredAtMs,
      expiresAtMs,
      ttlMs: liveMs(expiresAtMs, nowMs, Math.max(1000, expiresAtMs - nowMs)),
    };
    const seq = append(entryOf("ADOPT_RESOURCE_LOCK", { taskId: task_id, nodeId: node_id }, told, nowMs));
    locks.extend([locks.insert(grant, key, seq)], expiresAtMs, grant.ttlMs, old.updated_at * 1000);
  }
}

function oldDeadlineMs(node: OldNode, leaseTtlMs: number): number {
  return node.lease_expires_at === null || node.lease_expires_at === undefined
    ? (node.acquired_at ?? 0) * 1000 + leaseTtlMs
    : node.lease_expires_at * 1000;
}

/**
 * What a start renews a lease by. One that was over keeps 0, so that no start renews it: as with the original, its
 * holder may still send a heartbeat before the next acquire takes it back.
 */
function liveMs(deadlineMs: number, nowMs: number, ttlMs: number): number {
  return deadlineMs <= nowMs ? 0 : ttlMs;
}

function writeHead(db: Database, head: { seq: number; hash: string }): void {
  db.run(`
    UPDATE tasks SET
      pending   = (SELECT count(*) FROM nodes WHERE task_id = tasks.id AND status = 'PENDING'),
      running   = (SELECT count(*) FROM nodes WHERE task_id = tasks.id AND status = 'RUNNING'),
      completed = (SELECT count(*) FROM nodes WHERE task_id = tasks.id AND status = 'COMPLETED'),
      failed    = (SELECT count(*) FROM nodes WHERE task_id = tasks.id AND status = 'FAILED')`);
  db.prepare<null, [number, string]>(
    `
    UPDATE journal_head SET seq = ?1, hash = ?2,
      tasks     = (SELECT count(*) FROM tasks),
      rows      = (SELECT count(*) FROM journal),
      pending   = (SELECT total(pending) FROM tasks),
      running   = (SELECT total(running) FROM tasks),
      completed = (SELECT total(completed) FROM tasks),
      failed    = (SELECT total(failed) FROM tasks)`,
  ).run(head.seq, head.hash);
  recountEvents(db);
}

function hasColumn(db: Database, table: string, column: string): boolean {
  return db.query("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2").get(table, column) !== null;
}

/** Text that is no JSON, should there be any, is kept as a string: nothing of the user's is dropped. */
function storedJson(text: string): Json {
  try {
    return parseStored(text);
  } catch {
    return text;
  }
}

function isoMs(text: string): number {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? 0 : ms;
}
