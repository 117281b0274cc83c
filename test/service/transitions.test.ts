import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { JournalRow } from "../../src/core/journal/journal.ts";
import { type Kind, kindOf, kinds, sentenceOf, transitionRow } from "../../src/protocol/transitions.ts";
import { fieldsOf, jsonSchemaOf } from "../../src/protocol/shape.ts";
import { goOnAfterLoss } from "../../src/service/journal/epoch.ts";
import { fastDirectory } from "../support/fast-directory.ts";
import { policyOtherwise } from "../support/specimen.ts";
import { movesMade, rowsOf, undescribed } from "../support/transitions.ts";
import { acquire, TestService } from "./harness.ts";
import { day, finishedTask } from "./pruning.ts";

/* Everything that can happen, done by the service itself, and each row of the journal held against its kind's row. */

const directory = mkdtempSync(join(fastDirectory, "agentd-transitions-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Tasks and nodes: what moves them, and what else is told of them. */
function nodesAreWorkedOn(): JournalRow[] {
  using service = new TestService({ settings: { nodeTimeoutSecs: 5, maxLostAttempts: 2 } });
  const client = service.client();
  const policy = { require_intent: true, require_progress: true, require_result: true, require_bundle: true };
  const everything = {
    name: "n",
    labels: { kind: "code" },
    priority: 1,
    ...policyOtherwise,
    resources: [{ resource_key: "file:a", mode: "shared" as const, scope: "/s" }],
  };
  const about = { name: "t", labels: { team: "a" }, priority: 2, policy };
  const { task_id: demanding } = client.call("RegisterTask", { goal: "g", ...about, initial_nodes: [everything] });
  client.call("SetPriority", { task_id: demanding, priority: -1 });
  client.call("PauseTask", { task_id: demanding });
  client.call("ResumeTask", { task_id: demanding });
  client.call("CancelTask", { task_id: demanding, reason: "enough" });

  const { task_id, nodes } = client.call("RegisterTask", {
    goal: "",
    initial_nodes: [
      { name: "a", max_attempts: 2 },
      { name: "b", dependencies: ["a"], on_dependency_failure: "skip" },
      { name: "c", dependencies: ["b"] },
    ],
  });
  const [first = { id: "" }] = nodes;
  client.call("SetPriority", { task_id, node_id: first.id, priority: 1 });
  const release = () => acquire(client, task_id).claim;
  client.call("ReleaseNode", release());
  client.call("ReleaseNode", { ...release(), delay_secs: 1 });
  service.live(2_000);
  client.call("FailNode", { ...release(), error_payload: "once" });
  const held = release();
  client.call("AddNodes", { ...held, nodes: [{ ...everything, name: "d" }], expand_before: ["c"] });
  client.call("AddNodes", { task_id, nodes: [{ name: "e" }] });
  client.call("CommitEvent", { ...held, action_type: "COMPLETE_NODE", payload: "a client's own" });
  client.call("FailNode", { ...held, error_payload: { twice: true } });
  client.call("RetryNode", { task_id, node_id: first.id });
  acquire(client, task_id);
  service.live(7_000);
  acquire(client, task_id);
  service.live(7_000);
  client.call("RetryNode", { task_id, node_id: first.id });
  client.call("CompleteNode", { ...release(), result_payload: { done: 1.5 } });
  acquire(client, task_id);
  client.call("CancelTask", { task_id, reason: "" });
  return rowsOf(service);
}

function claimOf(lock: { resource_key: string; lease_id: string } | null) {
  if (lock === null) throw new Error("somebody else holds it");
  return { resource_key: lock.resource_key, lease_id: lock.lease_id };
}

/** Locks in all their lives, and bundles that meet them. */
function locksAndBundlesMeet(): JournalRow[] {
  using service = new TestService({ settings: { nodeTimeoutSecs: 60 } });
  const client = service.client();
  const { task_id } = client.call("RegisterTask", { goal: "g", initial_nodes: [{}] });
  const { claim } = acquire(client, task_id);
  const [scope, ann] = ["/r ignoring case", { owner: "ann", provider: "claude" }];
  const under = { ...claim, ...ann, scope };
  client.call("AcquireResourceLocks", { ...under, locks: [{ resource_key: "dir:src" }] });
  const shared = { resource_key: "file:b", mode: "shared" as const };
  client.call("AcquireResourceLocks", { locks: [shared], ...ann, scope, metadata: { intent: "read" }, ttl_secs: 5 });
  client.call("AcquireResourceLock", { resource_key: "file:c", owner: "bob", scope, ttl_secs: 1 });
  service.pass(1_000);
  client.call("AcquireResourceLocks", { ...under, locks: [{ resource_key: "file:c", mode: "shared" }] });
  service.live(6_000);
  client.call("AcquireResourceLock", { resource_key: "file:b", scope });
  client.call("ReleaseResourceLock", claimOf(client.call("AcquireResourceLock", { resource_key: "global" })));
  client.call("ForceReleaseResourceLock", { resource_key: "file:b", scope, reason: "" });
  client.call("RecordGuardBypass", {
    guard: "pre-commit",
    resource_keys: ["file:src/a"],
    count: 3,
    owner: "bob",
    scope,
  });
  client.call("RecordGuardBypass", { guard: "pre-commit", resource_keys: [], count: 1, owner: "bob" });

  const diff = "diff --git a/src/a b/src/a\nindex 1111..2222 100644\n--- a/src/a\n+++ b/src/a\n@@ -1 +1 @@\n-a\n+b\n";
  const run = { command: "make", exit_code: 0, duration_ms: 5, output_tail: "ok" };
  const bare = {
    provider: "codex",
    owner: "bob",
    scope,
    base_revision: "1".repeat(40),
    touched_paths: ["src/a"],
    diff_summary: "",
    confidence: "low" as const,
  };
  const rest = { merge_drivers: { "src/a": ["union"] }, assumptions: ["x"], verification: [run], intent: "why" };
  const first = client.call("SubmitPatchBundle", { ...bare, diff });
  const more = { ...rest, head_revision: "2".repeat(40), contains: [first.bundle_id], supersedes: first.bundle_id };
  const second = client.call("SubmitPatchBundle", { ...bare, ...more, ...claim, diff, diff_exact: true });
  const decided = { decision: "accepted" as const, reason: "", decided_by: "ada", verification: [run] };
  client.call("DecidePatchBundle", { ...second, ...decided, merged_revision: "3".repeat(40), alternatives: [] });
  client.call("CompleteNode", { ...claim, result_payload: null });
  return rowsOf(service);
}

/** What leaves, and a database that comes back. */
function theJournalIsCut(): JournalRow[] {
  using service = new TestService();
  const copy = `${service.database}.copy`;
  service.client().call("Backup", { path: copy });
  finishedTask(service.client());
  service.restart(() => copyFileSync(copy, service.database));
  goOnAfterLoss(service.store, service.clock.wallMs);
  service.pass(2 * day);
  service.client().call("PruneJournal", { older_than_secs: 1 });
  finishedTask(service.client());
  service.pass(2 * day);
  service.client().call("PruneJournal", { older_than_secs: 1 });
  return rowsOf(service);
}

/** The original's database, with a bit of everything. */
function aDatabaseIsAdopted(): JournalRow[] {
  const path = join(directory, "original.db");
  const db = new Database(path);
  db.run(`
    CREATE TABLE global_tasks (id TEXT PRIMARY KEY, goal TEXT, context TEXT, created_at TEXT);
    CREATE TABLE dag_nodes (id TEXT PRIMARY KEY, task_id TEXT, status TEXT, dependencies TEXT, payload_schema TEXT,
      result_payload TEXT, acquired_at INT, lease_id TEXT, lease_owner TEXT, lease_expires_at INT, updated_at INT);
    CREATE TABLE event_journal
      (id TEXT PRIMARY KEY, task_id TEXT, node_id TEXT, action_type TEXT, payload TEXT, timestamp TEXT);
    CREATE TABLE resource_locks (resource_key TEXT PRIMARY KEY, lease_id TEXT, owner TEXT, provider TEXT, task_id TEXT,
      node_id TEXT, metadata TEXT, acquired_at INT, lease_expires_at INT, updated_at INT);
    CREATE TABLE agentd_schema_migrations (version INTEGER PRIMARY KEY, name TEXT, applied_at TEXT);
    INSERT INTO agentd_schema_migrations VALUES (1, 'initial_state_engine', 'x'), (2, 'resource_locks', 'x');
    INSERT INTO global_tasks VALUES ('t', '', '{}', '2026-01-31T12:00:00.000Z');
    INSERT INTO dag_nodes VALUES
      ('a', 't', 'COMPLETED', '[]', '{}', '{"grammar":1.0}', 5, NULL, NULL, NULL, 5),
      ('b', 't', 'RUNNING', '["a"]', '{}', NULL, 5, 'lease', 'ann', 5, 5),
      ('c', 't', 'PENDING', '["b"]', '{}', NULL, NULL, NULL, NULL, NULL, 5);
    INSERT INTO resource_locks VALUES ('file:a', 'l', 'ann', NULL, NULL, NULL, '{}', 5, 9, 5);`);
  db.close(true);
  using service = new TestService({ copyOf: path });
  service.live(1_000);
  service.client().call("AcquireNextNode", { lease_owner: "worker" });
  return rowsOf(service);
}

const stories = {
  "nodes are worked on": nodesAreWorkedOn(),
  "locks and bundles meet": locksAndBundlesMeet(),
  "the journal is cut": theJournalIsCut(),
  "a database is adopted": aDatabaseIsAdopted(),
};
const all = Object.values(stories).flat();

test.each(Object.entries(stories))("where %s, each row is what the table says of its kind, and no more", (_, rows) => {
  expect(undescribed(rows)).toEqual([]);
});

test("every kind is journalled", () => {
  const seen = new Set(all.map(({ actionType, origin }) => kindOf(actionType, origin)));
  expect(kinds.filter((kind) => !seen.has(kind))).toEqual([]);
});

test("every move of the table is made", () => {
  const made = new Set(Object.values(stories).flatMap((rows) => [...movesMade(rows)]));
  const told = kinds.flatMap((kind) => transitionRow(kind).moves.map(([from, to]) => `${kind} ${from} -> ${to}`));
  expect(told.filter((move) => !made.has(move))).toEqual([]);
});

test("every row reads as a sentence, whatever of it is empty", () => {
  const told = all.flatMap(({ actionType: action_type, origin, payload, nodeId }) => {
    const isTransition = kindOf(action_type, origin) !== undefined && (origin === "daemon" || nodeId === null);
    return isTransition ? [sentenceOf({ action_type, origin, payload }, (id) => id.slice(0, 8)) ?? action_type] : [];
  });
  expect(told.filter((sentence) => /^[A-Z_]+$|undefined|null|NaN|\[object|[:,\s]$/.test(sentence))).toEqual([]);
});

describe("every field of its payload is written", () => {
  test.each(kinds)("%s", (kind: Kind) => {
    const payloads = all.filter((row) => kindOf(row.actionType, row.origin) === kind).map(({ payload }) => payload);
    const written = new Set(payloads.flatMap((payload) => pathsIn(payload, "")));
    const told = fieldsOf(jsonSchemaOf(transitionRow(kind).payload)).map(({ path }) => path);
    expect(told.filter((path) => !written.has(path))).toEqual([]);
  });
});

/** The fields of a value as `fieldsOf` names them, whatever is in them. */
function pathsIn(value: unknown, prefix: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => pathsIn(item, prefix.replace(/\.$/, "[].")));
  return Object.entries(value).flatMap(([name, its]) => [`${prefix}${name}`, ...pathsIn(its, `${prefix}${name}.`)]);
}
