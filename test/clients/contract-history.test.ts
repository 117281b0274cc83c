import { noPolicyView } from "../support/specimen.ts";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freshBinary } from "../../scripts/demo/binary.ts";
import { type OwnDaemon, startDaemon } from "../../scripts/demo/daemon.ts";
import { type Age, event, ids, writeOriginalDatabase } from "./original-database.ts";
import { oneNode } from "../../src/protocol/methods/nodes.ts";

const hasSqlite = Bun.which("sqlite3") !== null || process.env.CI === "true";
if (!hasSqlite) console.warn("SKIPPED: the adoption of an original's database, because sqlite3 is not installed");

/** A home that holds the original's database of that age, and a daemon of ours started over it. */
class Adopted implements AsyncDisposable {
  readonly home = mkdtempSync(join(tmpdir(), "agentd-history-"));
  readonly database = join(this.home, "agent_state.db");
  readonly copy = `${this.database}.before-agentd-ts`;
  readonly nowSecs = Math.floor(Date.now() / 1000);
  readonly original: Buffer;
  #daemon: OwnDaemon | undefined;

  constructor(age: Age) {
    writeOriginalDatabase(this.database, age, this.nowSecs);
    this.original = readFileSync(this.database);
  }

  async start(): Promise<OwnDaemon["client"]> {
    this.#daemon = await startDaemon(await freshBinary(), this.home);
    return this.#daemon.client;
  }

  async stop(): Promise<void> {
    expect(await this.#daemon?.stop()).toBe(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.[Symbol.asyncDispose]();
    rmSync(this.home, { recursive: true });
  }
}

const ages: Age[] = ["unversioned", "schema 1", "schema 2"];
const leasedAges: Age[] = ["schema 1", "schema 2"];

describe.skipIf(!hasSqlite)("a database of the original", () => {
  test.each(ages)("is copied byte for byte before it is adopted, and adopted once (%s)", async (age) => {
    await using adopted = new Adopted(age);
    const first = await adopted.start();
    expect(readFileSync(adopted.copy).equals(adopted.original)).toBe(true);
    // Rolls back what is long over, so that nothing is left to expire between the two starts.
    await first.call("AcquireNextNode", { task_id: ids.lateTask });
    const before = await first.call("ListEvents", {});
    const copied = statSync(adopted.copy);
    await adopted.stop();

    const second = await adopted.start();
    expect(await second.call("ListEvents", {})).toEqual(before);
    expect(await second.call("VerifyJournal", {})).toMatchObject({
      ok: true,
      first_difference: null,
      tasks: 3,
      nodes: 7,
    });
    expect(statSync(adopted.copy)).toMatchObject({ ino: copied.ino, mtimeMs: copied.mtimeMs });
    expect(existsSync(`${adopted.copy}.unfinished`)).toBe(false);
  });

  test.each(leasedAges)("shows its tasks and nodes as before (%s)", async (age) => {
    await using adopted = new Adopted(age);
    const client = await adopted.start();
    const { task, state, counts, nodes } = await client.call("TaskStatus", { task_id: ids.task });
    expect(task).toEqual({
      id: ids.task,
      goal: "Port the “parser”",
      context: { repository: "widgets", n: [1, null] },
      created_at: "2026-01-31T12:00:00.000Z",
      name: null,
      labels: {},
      priority: 0,
      paused: false,
      policy: noPolicyView,
    });
    expect(state).toBe("ACTIVE");
    expect(counts).toEqual({ COMPLETED: 1, RUNNING: 1, FAILED: 1, PENDING: 2 });
    expect(nodes.map(({ id, status }) => [id, status])).toEqual([
      [ids.design, "COMPLETED"],
      [ids.build, "RUNNING"],
      [ids.lint, "FAILED"],
      [ids.ship, "PENDING"],
      [ids.polish, "PENDING"],
    ]);
    expect(nodes[0]).toMatchObject({ payload_schema: { prompt: "design" }, result_payload: { grammar: "g.y" } });
    expect(nodes[1]).toMatchObject({
      dependencies: [ids.design],
      result_payload: null,
      acquired_at: adopted.nowSecs - 60,
      lease_id: ids.liveLease,
      lease_owner: "codex-1",
    });
    expect(nodes[2]).toMatchObject({ result_payload: { exit: 1 }, lease_id: null, acquired_at: null });
    expect(nodes[3]).toMatchObject({ dependencies: [ids.build, ids.design], blocked_by: [] });
    expect(nodes[4]).toMatchObject({ dependencies: [ids.lint], blocked_by: [ids.lint] });
    const empty = await client.call("TaskStatus", { task_id: ids.emptyTask });
    expect(empty).toMatchObject({ counts: {}, nodes: [], task: { goal: "Nothing to do", context: null } });
  });

  test.each(ages)("shows its events in the order of their times (%s)", async (age) => {
    await using adopted = new Adopted(age);
    const client = await adopted.start();
    const { events } = await client.call("ListEvents", { task_id: ids.task });
    const told = events.filter(({ id }) => id !== null);
    expect(told.map((row) => [row.id, row.node_id, row.action_type, row.payload, row.timestamp])).toEqual([
      [event(1), ids.design, "intent", { plan: ["a", "b"] }, "2026-01-31T12:01:00.000Z"],
      [event(2), ids.design, "COMPLETE_NODE", { result: { grammar: "g.y" } }, "2026-01-31T12:02:00.000Z"],
      [event(3), ids.lint, "FAIL_NODE", { error: { exit: 1 } }, "2026-01-31T12:03:00.000Z"],
      [event(4), ids.build, "COMMIT_EVENT", "half-way", "2026-01-31T12:04:00.123Z"],
    ]);
  });

  test.each(leasedAges)("lets a live lease complete its node, and its successor runs (%s)", async (age) => {
    await using adopted = new Adopted(age);
    const client = await adopted.start();
    const held = { task_id: ids.task, node_id: ids.build, lease_id: ids.liveLease };
    expect(await client.call("HeartbeatNode", held)).toMatchObject({ ok: true });
    const { event_id } = await client.call("CompleteNode", { ...held, result_payload: { built: true } });

    const lease = oneNode(await client.call("AcquireNextNode", { task_id: ids.task, lease_owner: "ours" }));
    expect(lease?.node_id).toBe(ids.ship);
    expect(lease?.context.completed_dependencies).toEqual([
      { node_id: ids.build, result_payload: { built: true } },
      { node_id: ids.design, result_payload: { grammar: "g.y" } },
    ]);
    const journal = lease?.context.event_journal.map(({ id }) => id);
    expect(journal).toEqual([event(1), event(2), event(3), event(4), event_id]);
    expect(await client.call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  test.each(ages)("rolls back a lease that was over, when its task is next asked for work (%s)", async (age) => {
    await using adopted = new Adopted(age);
    const client = await adopted.start();
    const lease = oneNode(await client.call("AcquireNextNode", { task_id: ids.lateTask, lease_owner: "ours" }));
    expect(lease).toMatchObject({ node_id: ids.stuck, lease_owner: "ours" });
    expect(lease?.context.completed_dependencies).toEqual([{ node_id: ids.survey, result_payload: [1, 2] }]);
    expect(lease?.context.event_journal.map(({ action_type }) => action_type)).toEqual([
      "COMPLETE_NODE",
      "TIMEOUT_ROLLBACK",
    ]);
    const stale = { task_id: ids.lateTask, node_id: ids.stuck, lease_id: ids.deadLease, result_payload: {} };
    const refused = await client.call("CompleteNode", stale).catch((reason: unknown) => reason);
    expect(refused).toMatchObject({ kind: "LEASE_LOST" });
  });

  test("keeps the locks that live and lists no other (schema 2)", async () => {
    await using adopted = new Adopted("schema 2");
    const client = await adopted.start();
    const { locks } = await client.call("ListResourceLocks", {});
    expect(locks).toMatchObject([
      { resource_key: "", lease_id: ids.namelessLock, owner: "script" },
      {
        resource_key: "file:src/build.rs",
        lease_id: ids.liveLock,
        owner: "codex-1",
        provider: "codex",
        task_id: ids.task,
        node_id: ids.build,
        metadata: { intent: "édit" },
        acquired_at: adopted.nowSecs - 60,
      },
    ]);
    const wanted = { resource_key: "file:src/build.rs", owner: "ours" };
    expect(await client.call("AcquireResourceLock", wanted)).toBeNull();
    const held = { resource_key: "file:src/build.rs", lease_id: ids.liveLock };
    expect(await client.call("ReleaseResourceLock", held)).toMatchObject({ ok: true });
    const nameless = { resource_key: "", lease_id: ids.namelessLock };
    expect(await client.call("HeartbeatResourceLock", nameless)).toMatchObject({ ok: true });
    expect(await client.call("ReleaseResourceLock", nameless)).toMatchObject({ ok: true });
    expect(await client.call("AcquireResourceLock", { ...wanted, resource_key: "file:src/a.rs" })).not.toBeNull();
    expect(await client.call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  test.each(leasedAges)("counts in Metrics as before (%s)", async (age) => {
    await using adopted = new Adopted(age);
    const client = await adopted.start();
    const { database } = await client.call("Metrics", {});
    expect(database).toMatchObject({
      total_tasks: 3,
      total_nodes: 7,
      active_resource_locks: age === "schema 2" ? 2 : 0,
    });
    expect(database.total_events).toBe(5);
    expect(database.schema_version).toBe(database.latest_schema_version);
    const { COMPLETED, FAILED, PENDING = 0, RUNNING = 0 } = database.node_status_counts;
    // The lease that was over may have been rolled back by the daemon's own timer already.
    expect({ COMPLETED, FAILED, unfinished: PENDING + RUNNING }).toEqual({ COMPLETED: 2, FAILED: 1, unfinished: 4 });
  });
});
