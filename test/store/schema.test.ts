import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { policyFields } from "../../src/protocol/node-fields.ts";
import { openStore } from "../../src/store/sqlite-store.ts";
import { StorageFailure } from "../../src/store/store.ts";
import { lock, lockOn, registerNodes, tell, within } from "./story.ts";
import { newTask } from "../support/specimen.ts";
import { forgetSchemaFrom, openedAtMs, TemporaryStore } from "./temporary.ts";

/** The database file of a store that is closed, opened by other means. */
function inspect<T>(specimen: TemporaryStore, look: (db: Database) => T): T {
  const found: T[] = [];
  specimen.restart(() => {
    const db = new Database(specimen.file, { strict: true });
    found.push(look(db));
    db.close(true);
  });
  return found[0] as T;
}

const versions = (db: Database) => db.query("SELECT version, name, applied_at FROM agentd_schema_migrations").all();

describe("the schema", () => {
  test("has STRICT tables only, but for the original's table of migrations", () => {
    using specimen = new TemporaryStore();
    const tables = inspect(specimen, (db) =>
      db
        .query<{ name: string; strict: number }, []>("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
        .all(),
    );
    const loose = tables.filter(({ name, strict }) => strict === 0 && !name.startsWith("sqlite_"));
    expect(loose.map(({ name }) => name)).toEqual(["agentd_schema_migrations"]);
  });

  test.each([
    ["UPDATE journal SET payload = '2'"],
    ["UPDATE OR REPLACE journal SET hash = ''"],
    ["DELETE FROM journal"],
    ["DELETE FROM journal WHERE seq = 1"],
  ])("refuses to alter the journal: %s", (sql) => {
    using specimen = new TemporaryStore();
    within(specimen.store, () => tell(specimen.store));
    inspect(specimen, (db) => expect(() => db.run(sql)).toThrow("the journal is append-only"));
    expect(specimen.store.reads.head.seq).toBe(1);
  });

  test("is made once, and left alone by the next opening", () => {
    using specimen = new TemporaryStore();
    const applied_at = new Date(openedAtMs).toISOString();
    const applied = [
      { version: 3, name: "journalled_state_engine", applied_at },
      { version: 4, name: "digests_of_answers", applied_at },
      { version: 5, name: "events_of_the_original", applied_at },
      { version: 6, name: "metadata_of_locks_last", applied_at },
      { version: 7, name: "heads_in_memory", applied_at },
      ...policyFields.flatMap(({ since, stored: name }) =>
        since === null ? [] : [{ version: since, name, applied_at }],
      ),
    ];
    const layout = (db: Database) => db.query("SELECT * FROM sqlite_schema ORDER BY name").all();
    const first = inspect(specimen, (db) => [versions(db), layout(db)]);
    expect(first[0]).toEqual(applied);
    expect(inspect(specimen, (db) => [versions(db), layout(db)])).toEqual(first);
  });
});

test("what a lock may have much of stands behind the rest, and is kept as it is moved there", () => {
  using specimen = new TemporaryStore();
  within(specimen.store, () => lock(specimen.store, "a"));
  const before = lockOn(specimen.store, "a");
  inspect(specimen, (db) => forgetSchemaFrom(db, 6));
  expect(lockOn(specimen.store, "a")).toEqual(before);
  expect(specimen.store.reads.verification.schemaFault()).toBeNull();
  const columns = inspect(specimen, (db) =>
    db.query<{ name: string }, []>("SELECT * FROM pragma_table_info('locks')").all(),
  );
  expect(columns.at(-1)?.name).toBe("metadata");
});

test("what never changes of a node is kept as it moves out of its row", () => {
  using specimen = new TemporaryStore();
  const resources = [{ resourceKey: "file:a", mode: "shared", scope: "s" } as const];
  const nodes = [{ id: "plain" }, { id: "rich", payloadSchema: { prompt: "ä" }, resources }];
  within(specimen.store, () => registerNodes(specimen.store, newTask({ id: "t" }), nodes));
  const before = [...specimen.store.reads.nodes.ofTask("t")];
  inspect(specimen, (db) => forgetSchemaFrom(db, 7));
  expect([...specimen.store.reads.nodes.ofTask("t")]).toEqual(before);
  expect(specimen.store.reads.verification.schemaFault()).toBeNull();
});

describe("a file that cannot be used", () => {
  test.each<[string, (specimen: TemporaryStore) => void, RegExp]>([
    [
      "with a newer schema",
      ({ file }) => edit(file, "INSERT INTO agentd_schema_migrations VALUES (99, 'of_the_future', '')"),
      /schema version 99 and this agentd knows \d+; use the newer agentd/,
    ],
    [
      "of an agentd between two releases",
      ({ file }) => edit(file, "DROP TABLE pruning"),
      /made by an agentd between two releases; move it away/,
    ],
    [
      "that is no database",
      ({ file }) => void Bun.spawnSync(["sh", "-c", `echo nonsense nonsense > "${file}"`]),
      /not a database/,
    ],
    [
      "that is a directory",
      ({ file }) => void Bun.spawnSync(["sh", "-c", `rm "${file}"*; mkdir "${file}"`]),
      /cannot be opened/,
    ],
  ])("%s is refused with its path and the reason", (_, spoil, reason) => {
    using specimen = new TemporaryStore();
    const { file } = specimen;
    specimen.store.close();
    spoil(specimen);
    const failure = thrownBy(() => openStore(file, () => 0));
    expect(failure).toBeInstanceOf(StorageFailure);
    expect(failure.message).toMatch(reason);
    expect(failure.message).toContain(file);
    Bun.spawnSync(["rm", "-r", file]);
    specimen.store = openStore(file, () => 0);
  });

  test("because another store has it open is refused by name", () => {
    using specimen = new TemporaryStore();
    const code = `import { openStore } from "./src/store/sqlite-store.ts"; openStore(process.argv[1], Date.now);`;
    const { stderr, success } = Bun.spawnSync([process.execPath, "-e", code, specimen.file], { cwd: root });
    expect(success).toBe(false);
    expect(stderr.toString()).toContain(`another process has the database ${specimen.file} open`);
    within(specimen.store, () => tell(specimen.store));
  });

  const root = new URL("../..", import.meta.url).pathname;

  function edit(file: string, sql: string): void {
    const db = new Database(file);
    db.run(sql);
    db.close(true);
  }

  function thrownBy(work: () => unknown): Error {
    try {
      work();
    } catch (error) {
      if (error instanceof Error) return error;
    }
    throw new Error("nothing was thrown");
  }
});
