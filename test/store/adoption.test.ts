import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../src/store/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { failureOf } from "./failures.ts";
import { asTold, everything, recount, tell, within } from "./story.ts";
import { TemporaryDirectory } from "./temporary.ts";

/*
 * Details of the adoption that no client sees directly, or that need a clock of their own. What clients see is in
 * test/clients/contract-history.test.ts.
 */

const nowSecs = 1_800_000_000;
const nowMs = nowSecs * 1_000;
const leaseTtlMs = 120_000;

const tables = `
  CREATE TABLE global_tasks (id TEXT PRIMARY KEY, goal TEXT, context TEXT, created_at TEXT);
  CREATE TABLE dag_nodes (id TEXT PRIMARY KEY, task_id TEXT, status TEXT, dependencies TEXT, payload_schema TEXT,
    result_payload TEXT, acquired_at INT, lease_id TEXT, lease_owner TEXT, lease_expires_at INT, updated_at INT);
  CREATE TABLE event_journal (id TEXT PRIMARY KEY, task_id TEXT, node_id TEXT, action_type TEXT, payload TEXT, timestamp TEXT);
  CREATE TABLE resource_locks (resource_key TEXT PRIMARY KEY, lease_id TEXT, owner TEXT, provider TEXT, task_id TEXT,
    node_id TEXT, metadata TEXT, acquired_at INT, lease_expires_at INT, updated_at INT);
  CREATE TABLE agentd_schema_migrations (version INTEGER PRIMARY KEY, name TEXT, applied_at TEXT);
  INSERT INTO agentd_schema_migrations VALUES (1, 'initial_state_engine', 'x'), (2, 'resource_locks', 'x');
  INSERT INTO global_tasks VALUES ('t', 'g', '{}', '2026-01-31T12:00:00.000Z');`;

/** A directory with a database of the original that holds one task `t` and what `sql` adds. */
class Original extends TemporaryDirectory {
  readonly file = join(this.path, "agent_state.db");
  #store: Store | null = null;

  constructor(sql = "") {
    super();
    this.edit(tables + sql);
  }

  edit(sql: string): void {
    const db = new Database(this.file);
    db.run(sql);
    db.close(true);
  }

  adopt(): Store {
    this.close();
    this.#store = openStore(this.file, () => nowMs, leaseTtlMs);
    return this.#store;
  }

  close(): void {
    this.#store?.close();
    this.#store = null;
  }

  names(): string[] {
    return readdirSync(this.path)
      .filter((name) => !name.endsWith(".head"))
      .filter((name) => !name.endsWith("-wal"))
      .toSorted();
  }

  override [Symbol.dispose](): void {
    this.close();
    super[Symbol.dispose]();
  }
}

interface OldNode {
  id: string;
  status: string;
  dependencies?: string;
  lease?: [acquiredAt: number, expiresAt: number | null];
}

function node({ id, status, dependencies = "[]", lease }: OldNode): string {
  const [acquiredAt, expiresAt] = lease ?? [null, null];
  const held = lease === undefined ? "NULL, NULL" : `'lease of ${id}', 'ann'`;
  return `INSERT INTO dag_nodes VALUES
    ('${id}', 't', '${status}', '${dependencies}', '{}', NULL, ${acquiredAt}, ${held}, ${expiresAt}, ${nowSecs});`;
}

test("an adopted database can give pages back, as a new one can", () => {
  using original = new Original();
  original.adopt();
  original.close();
  const db = new Database(original.file);
  expect(db.query("PRAGMA auto_vacuum").get()).toEqual({ auto_vacuum: 2 });
  db.close(true);
});

describe("an adopted lease", () => {
  test.each<[string, [number, number | null], { expiresAtMs: number; ttlMs: number }]>([
    [
      "that is live keeps its deadline, and is renewed by the daemon's timeout",
      [nowSecs - 9, nowSecs + 5],
      { expiresAtMs: nowMs + 5_000, ttlMs: leaseTtlMs },
    ],
    [
      "that is over keeps its deadline, and no start renews it",
      [nowSecs - 900, nowSecs],
      { expiresAtMs: nowMs, ttlMs: 0 },
    ],
    [
      "without a deadline has the daemon's timeout from its acquire",
      [nowSecs - 9, null],
      { expiresAtMs: nowMs - 9_000 + leaseTtlMs, ttlMs: leaseTtlMs },
    ],
    [
      "without a deadline that is over by that is over",
      [nowSecs - 121, null],
      { expiresAtMs: nowMs - 1_000, ttlMs: 0 },
    ],
  ])("%s", (_, lease, expected) => {
    using original = new Original(node({ id: "a", status: "RUNNING", lease }));
    expect(original.adopt().reads.nodes.head("a")?.lease).toMatchObject({
      id: "lease of a",
      owner: "ann",
      ...expected,
    });
  });

  test("is fenced by the row that adopted it, below all that are granted later", () => {
    using original = new Original(node({ id: "a", status: "RUNNING", lease: [nowSecs, nowSecs + 9] }));
    const store = original.adopt();
    expect(store.reads.nodes.head("a")?.lease?.fencingToken).toBe(1);
    expect(store.reads.journal.slice(0, everything).map(({ row }) => row.actionType)).toEqual(["ADOPT_TASK"]);
  });
});

describe("adopted nodes", () => {
  test("wait for their distinct dependencies that are not completed", () => {
    using original = new Original(
      node({ id: "done", status: "COMPLETED" }) +
        node({ id: "open", status: "PENDING", dependencies: '["done","done"]' }) +
        node({ id: "waits", status: "PENDING", dependencies: '["open","done","open"]' }),
    );
    const store = original.adopt();
    expect(["done", "open", "waits"].map((id) => store.reads.dag.hasDependents(id))).toEqual([true, true, false]);
    expect(store.reads.nodes.next("t", {})?.id).toBe("open");
    expect(store.reads.tasks.summary("t")).toEqual({ state: "ACTIVE", counts: { PENDING: 2, COMPLETED: 1 } });
  });

  test("are counted, and the journal's head is that of the tables", () => {
    using original = new Original(
      `${node({ id: "a", status: "RUNNING", lease: [nowSecs, nowSecs + 9] })} ${node({ id: "b", status: "FAILED" })}
        INSERT INTO resource_locks VALUES ('k', 'l', 'ann', NULL, NULL, NULL, '{}', ${nowSecs}, ${nowSecs + 9}, ${nowSecs});`,
    );
    const store = original.adopt();
    expect(asTold(store)).toEqual(recount(store));
    expect(store.reads.totals).toMatchObject({ tasks: 1, rows: 2, events: 0, nodes: { RUNNING: 1, FAILED: 1 } });
    within(store, () => tell(store));
    expect(store.reads.head.seq).toBe(3);
  });
});

describe("adopted events", () => {
  const event = (id: string, timestamp: string, payload = "null") =>
    `INSERT INTO event_journal VALUES ('${id}', 't', 'n', 'COMPLETE_NODE', '${payload}', '${timestamp}');`;

  test("come in the order of their times, those of one time in the order they were written in", () => {
    using original = new Original(
      event("c", "2026-01-02T00:00:00.000Z") +
        event("b", "2026-01-01T00:00:00.000Z") +
        event("a", "2026-01-01T00:00:00.000Z"),
    );
    const rows = original
      .adopt()
      .reads.journal.slice(0, everything)
      .map(({ row }) => [row.id, row.origin]);
    expect(rows).toEqual([
      ["b", "client"],
      ["a", "client"],
      ["c", "client"],
      [null, "daemon"],
    ]);
  });

  test("keep a payload that is no JSON as a string, and numbers to the letter", () => {
    using original = new Original(
      event("a", "2026-01-01T00:00:00.000Z", "no {json") + event("b", "2026-01-02", "1.50"),
    );
    const payloads = original
      .adopt()
      .reads.journal.slice(0, everything)
      .map(({ row }) => row.payload);
    expect(payloads.slice(0, 2)).toEqual(['"no {json"', "1.50"]);
  });

  test("with a time nobody can read stand at the epoch", () => {
    using original = new Original(event("a", "yesterday"));
    expect(original.adopt().reads.journal.slice(0, everything)[0]?.row.timestampMs).toBe(0);
  });
});

describe("the copy that is kept", () => {
  const [copy, second] = ["agent_state.db.before-agentd-ts", "agent_state.db.before-agentd-ts.2"];

  test("is made once, beside a database that has nothing of the original left", () => {
    using original = new Original();
    original.adopt();
    original.close();
    expect(original.names()).toEqual(["agent_state.db", copy]);
    const db = new Database(original.file);
    const left = db
      .query<{ name: string }, []>(
        "SELECT name FROM sqlite_schema WHERE name IN ('global_tasks', 'dag_nodes', 'event_journal', 'resource_locks')",
      )
      .all();
    db.close(true);
    expect(left).toEqual([]);
    expect(original.adopt().reads.tasks.find("t")?.goal).toBe("g");
    expect(original.names()).toEqual(["agent_state.db", copy]);
  });

  test("does not overwrite another file of its name", () => {
    using original = new Original();
    writeFileSync(join(original.path, copy), "mine");
    original.adopt();
    expect(original.names()).toEqual(["agent_state.db", copy, second]);
  });

  test("of an adoption that did not come to its end serves the next try", () => {
    using original = new Original();
    copyFileSync(original.file, join(original.path, copy));
    original.adopt();
    expect(original.names()).toEqual(["agent_state.db", copy]);
  });
});

test("an adoption that fails leaves the original as it was, and says why", () => {
  using original = new Original(node({ id: "a", status: "SLEEPING" }));
  const before = Bun.file(original.file).size;
  expect(failureOf(() => original.adopt()).message).toContain("CHECK constraint failed");
  expect(Bun.file(original.file).size).toBe(before);
  original.edit("UPDATE dag_nodes SET status = 'PENDING'");
  expect(original.adopt().reads.nodes.head("a")?.status).toBe("PENDING");
});
