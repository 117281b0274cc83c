import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkArchive } from "../../src/client/archive.ts";
import type { ParamsInput } from "../../src/protocol/methods.ts";
import type { Store } from "../../src/store/store.ts";
import { acquire, registerTask, type TestClient, TestService } from "./harness.ts";
import { day, finishedTask, month } from "./pruning.ts";

let service: TestService;
let client: TestClient;

beforeEach(() => {
  service = new TestService();
  client = service.client();
});
afterEach(() => service[Symbol.dispose]());

const prune = (olderThanSecs = month, dryRun = false) =>
  client.call("PruneJournal", { older_than_secs: olderThanSecs, dry_run: dryRun });

function expectClean(): void {
  expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true, first_difference: null });
  expect(service.bugs).toEqual([]);
}

/** Takes a lock; its lease. */
function lock(params: Partial<ParamsInput<"AcquireResourceLock">> = {}): string {
  const lease = client.call("AcquireResourceLock", { resource_key: "file:a", owner: "ann", ...params });
  return lease?.lease_id ?? "";
}

const unlock = (leaseId: string, key = "file:a") =>
  client.call("ReleaseResourceLock", { resource_key: key, lease_id: leaseId });

const rowsOf = (taskId: string): number => client.call("ListEvents", { task_id: taskId, limit: 1000 }).events.length;

describe("a finished task that is old", () => {
  test("leaves with its events, and the chain goes on over the cut", async () => {
    const old = finishedTask(client);
    const running = registerTask(client, 1).taskId;
    const { claim } = acquire(client, running);
    service.pass(31 * day);
    const young = finishedTask(client);
    const before = client.call("Metrics", {}).database;

    const report = prune();
    expect(report).toMatchObject({ tasks: 1, nodes: 2, rows: 7, dry_run: false });
    expect(client.refusal("TaskStatus", { task_id: old })).toBe("NOT_FOUND");
    expect(rowsOf(old)).toBe(0);
    expect(client.call("TaskStatus", { task_id: young })).toMatchObject({ state: "COMPLETED" });
    expect(client.call("TaskStatus", { task_id: running })).toMatchObject({ state: "ACTIVE" });
    client.call("CompleteNode", { ...claim, result_payload: 1 });

    const after = client.call("Metrics", {}).database;
    expect(after).toMatchObject({ total_tasks: before.total_tasks - 1, total_nodes: before.total_nodes - 2 });
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true, pruned_rows: 7, tasks: 2 });

    const [archive = ""] = report.archives;
    expect(archive).toStartWith(join(service.directory, "archive/"));
    expect(statSync(archive).mode & 0o777).toBe(0o600);
    const checked = await checkArchive(archive);
    expect(checked).toMatchObject({ ok: true, fault: null, rows: 7, first_seq: 1 });
    const { events } = client.call("ListEvents", { action_types: ["PRUNE_JOURNAL"] });
    expect(events).toMatchObject([{ payload: { rows: 7, tasks: 1, archive_sha256: checked.sha256 } }]);
  });

  test("leaves with what its nodes carried: nodes that come after it have their own", () => {
    finishedTask(client);
    service.pass(31 * day);
    prune();
    const initial_nodes = [{ payload_schema: { prompt: "anew" } }, {}];
    const { task_id } = client.call("RegisterTask", { goal: "g", initial_nodes });
    const { nodes } = client.call("TaskStatus", { task_id });
    expect(nodes.map((node) => node.payload_schema)).toEqual([{ prompt: "anew" }, {}]);
    expectClean();
  });

  test("is left alone by a dry run, which tells what would leave", () => {
    const old = finishedTask(client);
    service.pass(31 * day);
    const before = service.store.reads.head.seq;
    expect(prune(month, true)).toMatchObject({ tasks: 1, nodes: 2, rows: 7, archives: [], dry_run: true });
    expect(service.store.reads.head.seq).toBe(before);
    expect(rowsOf(old)).toBe(7);
    expect(readdirSync(service.directory)).not.toContain("archive");
  });

  test("stays a day too young, and leaves a day later", () => {
    finishedTask(client);
    service.pass(30 * day - 1);
    expect(prune()).toMatchObject({ tasks: 0, rows: 0, archives: [] });
    service.pass(2);
    expect(prune()).toMatchObject({ tasks: 1 });
    expect(prune()).toMatchObject({ tasks: 0, rows: 0, archives: [] });
    expectClean();
  });

  test("FAILED with nodes that wait for ever leaves too", () => {
    const one = "11111111-1111-4111-8111-111111111111";
    const { task_id } = client.call("RegisterTask", {
      goal: "g",
      initial_nodes: [{ id: one }, { dependencies: [one] }],
    });
    const { claim } = acquire(client, task_id);
    client.call("FailNode", { ...claim, error_payload: "no" });
    service.pass(31 * day);
    expect(prune()).toMatchObject({ tasks: 1, nodes: 2 });
    expect(client.refusal("RetryNode", { task_id, node_id: one })).toBe("NOT_FOUND");
    expectClean();
    // Its ids are free again.
    client.call("RegisterTask", { goal: "g", initial_nodes: [{ id: one }] });
    expectClean();
  });

  test("stays where it is young, though a clock set back made older rows of what came after it", () => {
    service.pass(60 * day);
    const young = finishedTask(client);
    service.clock.wallMs -= 59 * day;
    for (let n = 0; n < 8; n++) finishedTask(client);
    service.clock.wallMs += 59 * day;
    service.pass(1_000);
    expect(prune()).toMatchObject({ tasks: 8 });
    expect(client.call("TaskStatus", { task_id: young })).toMatchObject({ state: "COMPLETED" });
    expectClean();
  });

  test("stays while locks are held for it, or a bundle of it is open", () => {
    const locking = finishedTask(client);
    const bundling = finishedTask(client);
    const lease = lock({ task_id: locking, ttl_secs: 90 * 86_400 });
    const { bundle_id } = client.call("SubmitPatchBundle", {
      provider: "codex",
      owner: "ann",
      task_id: bundling,
      scope: "repository",
      base_revision: "a".repeat(40),
      touched_paths: ["a.ts"],
      diff_summary: "s",
      confidence: "low",
      head_revision: "b".repeat(40),
    });
    service.pass(31 * day);
    expect(prune()).toMatchObject({ tasks: 0 });
    unlock(lease);
    client.call("DecidePatchBundle", { bundle_id, decision: "rejected", decided_by: "ann", reason: "no" });
    expect(prune()).toMatchObject({ tasks: 0 });
    service.pass(31 * day);
    expect(prune()).toMatchObject({ tasks: 2 });
    expect(client.call("ListPatchBundles", {}).bundles).toEqual([]);
    expectClean();
  });
});

describe("what belongs to no task", () => {
  test("leaves when it is old: leases that have ended, and what was recorded", () => {
    unlock(lock());
    const held = lock({ resource_key: "file:b", ttl_secs: 90 * 86_400 });
    service.pass(31 * day);
    expect(prune()).toMatchObject({ tasks: 0, rows: 2 });
    expect(client.call("ListResourceLocks", {}).locks).toMatchObject([{ resource_key: "file:b" }]);
    expectClean();
    unlock(held, "file:b");
    expectClean();
    // It ended a moment ago: its old rows stay with its end.
    expect(prune()).toMatchObject({ rows: 0 });
  });

  test("leaves with a task's name that agentd never had", () => {
    const task_id = "99999999-9999-4999-8999-999999999999";
    unlock(lock({ task_id }));
    service.pass(31 * day);
    lock({ task_id });
    expect(prune()).toMatchObject({ tasks: 0, rows: 2 });
    expectClean();
  });

  test("stays as a whole where part of a lease belongs to a task that stays", () => {
    const alive = registerTask(client, 1).taskId;
    const lease_id = lock();
    const more = { owner: "ann", locks: [{ resource_key: "file:b" }], lease_id, task_id: alive };
    client.call("AcquireResourceLocks", more);
    unlock(lease_id);
    unlock(lease_id, "file:b");
    service.pass(31 * day);
    expect(prune()).toMatchObject({ rows: 0 });
    expectClean();
  });
});

describe("what happens in between", () => {
  /** Sends a request to prune and runs turns until it has come so far. */
  function pruneUntil(reached: (store: Store) => boolean): void {
    client.send("PruneJournal", { older_than_secs: month });
    for (let turns = 0; !reached(service.store); turns++) {
      if (turns > 1_000) throw new Error("it never came so far");
      service.turn();
    }
  }

  test("a restart while it leaves: the rest leaves after it", () => {
    const old = finishedTask(client, 400);
    const alive = finishedTask(client, 1);
    service.pass(20 * day);
    client.call("AcquireResourceLock", { resource_key: "file:a", owner: "ann", task_id: alive });
    service.pass(11 * day);
    pruneUntil(({ reads }) => (reads.pruning.current()?.afterSeq ?? 0) > 0);
    expect(client.answers).toEqual([]);
    service.restart();
    client = service.client();
    // Gone from the first moment on, whatever of it is still there.
    expect(client.refusal("TaskStatus", { task_id: old })).toBe("NOT_FOUND");
    expectClean();
    expect(service.store.reads.pruning.current()).toBeNull();
    expect(client.call("VerifyJournal", {})).toMatchObject({ pruned_rows: 1201, nodes: 1 });
  });

  test("somebody who leaves while it goes on", () => {
    finishedTask(client, 400);
    service.pass(31 * day);
    pruneUntil(({ reads }) => reads.pruning.isUnderWay());
    client.leave();
    client = service.client();
    expectClean();
    expect(client.call("VerifyJournal", {})).toMatchObject({ tasks: 0, nodes: 0 });
  });

  test("a task that comes to life while it is archived stays, whole", () => {
    const { taskId } = registerTask(client, 1);
    const { claim } = acquire(client, taskId);
    client.call("FailNode", { ...claim, error_payload: "no" });
    const other = finishedTask(client, 300);
    service.pass(31 * day);
    client.send("PruneJournal", { older_than_secs: month });
    service.turn();
    service.turn();
    const rescuer = service.client();
    rescuer.send("RetryNode", { task_id: taskId, node_id: claim.node_id });
    service.settle();
    expect(rescuer.read().error).toBeUndefined();
    expect(client.read().result).toMatchObject({ tasks: 1, nodes: 300 });
    expect(client.call("TaskStatus", { task_id: taskId })).toMatchObject({ state: "ACTIVE" });
    expect(client.refusal("TaskStatus", { task_id: other })).toBe("NOT_FOUND");
    expect(readdirSync(join(service.directory, "archive"))).toHaveLength(1);
    expectClean();
  });

  test("a verification and a pruning wait for each other", () => {
    finishedTask(client, 300);
    service.pass(31 * day);
    const verifier = service.client();
    verifier.send("VerifyJournal", {});
    service.turn();
    client.send("PruneJournal", { older_than_secs: month });
    service.turn();
    verifier.send("VerifyJournal", {});
    service.settle();
    expect(verifier.read().result).toMatchObject({ ok: true, tasks: 1 });
    expect(verifier.read().result).toMatchObject({ ok: true, tasks: 0 });
  });

  test("others are served between two slices", () => {
    finishedTask(client, 400);
    service.pass(31 * day);
    const other = service.client();
    client.send("PruneJournal", { older_than_secs: month });
    let served = 0;
    while (client.answers.length === 0) {
      other.send("Health", {});
      service.turn();
      if (other.answers.splice(0).length === 1) served++;
    }
    expect(served).toBeGreaterThan(10);
  });
});
