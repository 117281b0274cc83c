import { Database } from "bun:sqlite";
import { describe, expect, spyOn, test } from "bun:test";
import { attemptTable } from "../../src/store/tables/attempts.ts";
import { bundleTable } from "../../src/store/tables/bundles.ts";
import { dependencyTable } from "../../src/store/tables/dependencies.ts";
import { headTable } from "../../src/store/tables/head.ts";
import { idempotencyTable } from "../../src/store/tables/idempotency.ts";
import { journalTable } from "../../src/store/tables/journal.ts";
import { leaseTable } from "../../src/store/tables/leases.ts";
import { lockSlices } from "../../src/store/tables/lock-slices.ts";
import { lockTable } from "../../src/store/tables/locks.ts";
import { nodeTable } from "../../src/store/tables/nodes.ts";
import { pruningTable } from "../../src/store/tables/pruning.ts";
import { migrate } from "../../src/store/schema/migrations.ts";
import { taskTable } from "../../src/store/tables/tasks.ts";

const tables = [
  journalTable,
  nodeTable,
  dependencyTable,
  leaseTable,
  attemptTable,
  lockTable,
  lockSlices,
  bundleTable,
  taskTable,
  idempotencyTable,
  headTable,
  pruningTable,
];

/** Every statement of the store with SQLite's plan for it, one line a step. */
function plans(): { sql: string; plan: string[] }[] {
  const db = new Database(":memory:", { strict: true });
  migrate(db, 0, 0);
  const prepare = spyOn(db, "prepare");
  for (const table of tables) table(db);
  const statements = prepare.mock.calls.map(([sql]) => sql);
  return statements.map((sql) => {
    const steps = db.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all();
    const plan = steps.map(({ detail }) => detail).filter((detail) => detail !== "SCAN CONSTANT ROW");
    return { sql: sql.replaceAll(/\s+/g, " ").trim(), plan };
  });
}

/**
 * The statements that walk more than they give, and why that is right. All locks move when the clock is disturbed; the
 * head is one row.
 */
const walks = [
  [/^SELECT count\(\*\) AS "all"/, "SCAN locks"],
  [/^UPDATE locks SET lease_expires_at_ms = (lease_expires_at_ms \+|\? \+)/, "SCAN locks"],
  // What leaves the database is told by one row, and the first or the last of others.
  [/pruning/, "SCAN pruning"],
  [/^SELECT task_id FROM departing_tasks LIMIT 1/, "SCAN departing_tasks"],
  [/FROM journal_gaps .*ORDER BY first_seq DESC LIMIT 1/, "SCAN (subquery-1)"],
  [/^SELECT last_seq FROM journal_gaps ORDER BY first_seq DESC LIMIT 1/, "SCAN journal_gaps"],
  [/journal_head/, "SCAN journal_head"],
  // What is active is read whole, once at each start.
  [/FROM tasks WHERE pending \+ running > 0/, "SCAN tasks USING INDEX tasks_active"],
  [/^SELECT row, .* FROM locks ORDER BY row$/, "SCAN locks"],
] as const;

describe("a statement of the store", () => {
  test.each(plans())("walks no table it need not: $sql", ({ sql, plan }) => {
    const allowed = walks.flatMap(([statement, step]) => (statement.test(sql) ? [step] : []));
    // What a request gives as JSON is walked as its values are.
    const costly = plan.filter((step) => /^(SCAN(?! \w+ VIRTUAL TABLE)|USE TEMP B-TREE)/.test(step));
    expect(costly.filter((step) => !allowed.some((one) => one === step))).toEqual([]);
  });

  const hot: [string, RegExp, string][] = [
    [
      "a node by its id",
      /^SELECT id, .* FROM nodes WHERE id = \? AND NOT EXISTS/,
      "SEARCH nodes USING INDEX sqlite_autoindex_nodes_1 (id=?)",
    ],
    ["a task's newest events", /ORDER BY seq DESC/, "SEARCH journal USING INDEX journal_events (task_id=? AND seq>?)"],
    [
      "a task's page of the journal",
      /^SELECT \* FROM \( SELECT seq, .* FROM journal .* UNION ALL/,
      "SEARCH journal USING INDEX journal_transitions (task_id=? AND seq>?)",
    ],
    [
      "a page of the journal",
      /^SELECT seq, task_id .* FROM journal WHERE seq >/,
      "SEARCH journal USING INTEGER PRIMARY KEY (rowid>?)",
    ],
    [
      "what is told of one lock",
      /^SELECT metadata FROM locks WHERE/,
      "SEARCH locks USING INTEGER PRIMARY KEY (rowid=?)",
    ],
    [
      "locks whose time is extended",
      /^UPDATE locks SET lease_expires_at_ms = \?, lease_ttl_ms = \?/,
      "SEARCH locks USING INTEGER PRIMARY KEY (rowid=?)",
    ],
    [
      "open bundles of a scope",
      /^SELECT id FROM bundles WHERE status = 'SUBMITTED' AND scope/,
      "SEARCH bundles USING INDEX bundles_open (scope=?)",
    ],
    [
      "bundles at a path",
      /^SELECT bundle FROM bundle_paths WHERE scope = .* path = /,
      "SEARCH bundle_paths USING PRIMARY KEY (scope=? AND path=?)",
    ],
    [
      "bundles below a path",
      /^SELECT bundle FROM bundle_paths WHERE scope = .* path > /,
      "SEARCH bundle_paths USING PRIMARY KEY (scope=? AND path>? AND path<?)",
    ],
    [
      "old idempotency keys",
      /^DELETE FROM idempotency_keys/,
      "SEARCH idempotency_keys USING COVERING INDEX idempotency_keys_by_age (created_at_ms<?)",
    ],
  ];
  test.each(hot)("finds %s by its index", (_, statement, step) => {
    const found = plans().filter(({ sql }) => statement.test(sql));
    expect(found).toHaveLength(1);
    expect(found[0]?.plan).toContain(step);
  });
});
