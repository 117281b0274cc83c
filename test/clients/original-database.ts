/*
 * Databases as the original daemon left them, written with the sqlite3 command line. One story in three ages: before
 * the database had a version (no leases, no locks), schema 1 (leases), schema 2 (locks).
 */

/** Ids do not sort in registration order, so that an order by id shows. */
export const ids = {
  task: "f0000000-0000-4000-8000-000000000001",
  design: "e0000000-0000-4000-8000-000000000011",
  build: "d0000000-0000-4000-8000-000000000012",
  lint: "c0000000-0000-4000-8000-000000000013",
  ship: "b0000000-0000-4000-8000-000000000014",
  polish: "a0000000-0000-4000-8000-000000000015",
  lateTask: "10000000-0000-4000-8000-000000000002",
  survey: "90000000-0000-4000-8000-000000000021",
  stuck: "80000000-0000-4000-8000-000000000022",
  emptyTask: "00000000-0000-4000-8000-000000000003",
  liveLease: "70000000-0000-4000-8000-000000000031",
  deadLease: "60000000-0000-4000-8000-000000000032",
  liveLock: "50000000-0000-4000-8000-000000000041",
  namelessLock: "51000000-0000-4000-8000-000000000043",
  deadLock: "40000000-0000-4000-8000-000000000042",
} as const;

export const event = (n: number) => `30000000-0000-4000-8000-0000000000${n}`;

export type Age = "unversioned" | "schema 1" | "schema 2";

const core = (leased: boolean) => `
  CREATE TABLE global_tasks (id TEXT PRIMARY KEY, goal TEXT NOT NULL, context TEXT NOT NULL, created_at TEXT NOT NULL);
  CREATE TABLE dag_nodes (
    id TEXT PRIMARY KEY, task_id TEXT NOT NULL, status TEXT NOT NULL, dependencies TEXT NOT NULL,
    payload_schema TEXT NOT NULL, result_payload TEXT, acquired_at INTEGER,
    ${leased ? "lease_id TEXT, lease_owner TEXT, lease_expires_at INTEGER," : ""}
    updated_at INTEGER NOT NULL, FOREIGN KEY (task_id) REFERENCES global_tasks (id));
  CREATE TABLE event_journal (
    id TEXT PRIMARY KEY, task_id TEXT NOT NULL, node_id TEXT NOT NULL, action_type TEXT NOT NULL,
    payload TEXT NOT NULL, timestamp TEXT NOT NULL, FOREIGN KEY (task_id) REFERENCES global_tasks (id),
    FOREIGN KEY (node_id) REFERENCES dag_nodes (id));`;

const versions = `
  CREATE TABLE agentd_schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL);
  INSERT INTO agentd_schema_migrations VALUES (1, 'initial_state_engine', '2026-01-01T00:00:00.000Z');`;

const locks = (nowSecs: number) => `
  INSERT INTO agentd_schema_migrations VALUES (2, 'resource_locks', '2026-01-02T00:00:00.000Z');
  CREATE TABLE resource_locks (
    resource_key TEXT PRIMARY KEY, lease_id TEXT NOT NULL, owner TEXT NOT NULL, provider TEXT, task_id TEXT,
    node_id TEXT, metadata TEXT NOT NULL, acquired_at INTEGER NOT NULL, lease_expires_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL);
  INSERT INTO resource_locks VALUES
    ('file:src/build.rs', '${ids.liveLock}', 'codex-1', 'codex', '${ids.task}', '${ids.build}',
      '{"intent":"édit"}', ${nowSecs - 60}, ${nowSecs + 3600}, ${nowSecs - 30}),
    ('', '${ids.namelessLock}', 'script', NULL, NULL, NULL, '{}', ${nowSecs - 60}, ${nowSecs + 3600}, ${nowSecs - 30}),
    ('file:src/a.rs', '${ids.deadLock}', 'ghost', NULL, NULL, NULL, '{}', 1767225600, 1767225900, 1767225600);`;

const tasks = `
  INSERT INTO global_tasks VALUES
    ('${ids.task}', 'Port the “parser”', '{"repository":"widgets","n":[1,null]}', '2026-01-31T12:00:00.000Z'),
    ('${ids.lateTask}', 'Left overnight', '{}', '2026-01-31T13:00:00.000Z'),
    ('${ids.emptyTask}', 'Nothing to do', 'null', '2026-01-31T14:00:00.000Z');`;

/** Rowids are the registration order; the timestamps, not the rowids, are the order of the events. */
const events = `
  INSERT INTO event_journal VALUES
    ('${event(2)}', '${ids.task}', '${ids.design}', 'COMPLETE_NODE', '{"result":{"grammar":"g.y"}}', '2026-01-31T12:02:00.000Z'),
    ('${event(1)}', '${ids.task}', '${ids.design}', 'intent', '{"plan":["a","b"]}', '2026-01-31T12:01:00.000Z'),
    ('${event(3)}', '${ids.task}', '${ids.lint}', 'FAIL_NODE', '{"error":{"exit":1}}', '2026-01-31T12:03:00.000Z'),
    ('${event(4)}', '${ids.task}', '${ids.build}', 'COMMIT_EVENT', '"half-way"', '2026-01-31T12:04:00.123Z'),
    ('${event(5)}', '${ids.lateTask}', '${ids.survey}', 'COMPLETE_NODE', '{"result":[1,2]}', '2026-01-31T13:01:00.000Z');`;

interface OldNode {
  id: string;
  task: string;
  status: string;
  dependencies?: string[];
  schema?: string;
  result?: string;
  acquiredAt?: number;
  lease?: [id: string, owner: string, expiresAt: number];
}

function nodes(nowSecs: number): OldNode[] {
  const { task, lateTask, design, build, lint, ship, polish, survey, stuck, liveLease, deadLease } = ids;
  const live: OldNode["lease"] = [liveLease, "codex-1", nowSecs + 3600];
  const dead: OldNode["lease"] = [deadLease, "ghost", 1767225900];
  return [
    { id: design, task, status: "COMPLETED", schema: '{"prompt":"design"}', result: '{"grammar":"g.y"}' },
    { id: build, task, status: "RUNNING", dependencies: [design], acquiredAt: nowSecs - 60, lease: live },
    { id: lint, task, status: "FAILED", result: '{"exit":1}' },
    { id: ship, task, status: "PENDING", dependencies: [build, design] },
    { id: polish, task, status: "PENDING", dependencies: [lint] },
    { id: survey, task: lateTask, status: "COMPLETED", result: "[1,2]" },
    { id: stuck, task: lateTask, status: "RUNNING", dependencies: [survey], acquiredAt: 1767225600, lease: dead },
  ];
}

const quoted = (value: string | number | undefined) =>
  value === undefined ? "NULL" : typeof value === "number" ? String(value) : `'${value}'`;

function insertNode(node: OldNode, leased: boolean, nowSecs: number): string {
  const { id, task, status, dependencies = [], schema = "{}", result, acquiredAt, lease = [] } = node;
  const values = [
    id,
    task,
    status,
    JSON.stringify(dependencies),
    schema,
    result,
    acquiredAt,
    ...(leased ? [lease[0], lease[1], lease[2]] : []),
    nowSecs - 60,
  ];
  return `INSERT INTO dag_nodes VALUES (${values.map(quoted).join(", ")});`;
}

/** Writes the database of that age to `path`; the sqlite3 command line leaves no -wal beside it. */
export function writeOriginalDatabase(path: string, age: Age, nowSecs: number): void {
  const leased = age !== "unversioned";
  const sql = [
    "PRAGMA journal_mode = WAL;",
    core(leased),
    leased ? versions : "",
    tasks,
    ...nodes(nowSecs).map((node) => insertNode(node, leased, nowSecs)),
    events,
    age === "schema 2" ? locks(nowSecs) : "",
  ].join("\n");
  const { exitCode, stderr } = Bun.spawnSync(["sqlite3", "-bail", path], { stdin: Buffer.from(sql) });
  if (exitCode !== 0) throw new Error(`sqlite3 did not write ${path}: ${stderr.toString()}`);
}
