import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { forgetSchemaFrom, TemporaryStore } from "./temporary.ts";

test("a database that counted all rows as events counts them anew, but for those that leave", () => {
  using specimen = new TemporaryStore();
  specimen.restart(() => {
    using db = new Database(specimen.file, { strict: true });
    db.run(
      `INSERT INTO journal VALUES
         (1, 'a', 't', 'n', 'COMMIT_EVENT', 'client', '1', 5, ''),
         (2, 'b', 't', 'n', 'COMPLETE_NODE', 'daemon', '{}', 5, ''),
         (3, 'c', 't', 'n', 'FAIL_NODE', 'daemon', '{}', 5, ''),
         (4, 'd', 't', 'n', 'TIMEOUT_ROLLBACK', 'daemon', '{}', 5, ''),
         (5, NULL, 't', 'n', 'ACQUIRE_NODE', 'daemon', '{}', 5, ''),
         (6, 'f', NULL, NULL, 'GUARD_BYPASS', 'client', '{}', 5, ''),
         (7, 'e', 'leaving', 'n', 'COMMIT_EVENT', 'client', '1', 5, '');
       INSERT INTO departing_tasks VALUES ('leaving');
       ALTER TABLE journal_head DROP COLUMN events;
       ALTER TABLE journal_head RENAME COLUMN rows TO events;
       UPDATE journal_head SET events = 6;`,
    );
    forgetSchemaFrom(db, 5);
  });
  expect(specimen.store.reads.totals).toMatchObject({ rows: 6, events: 3 });
  expect(specimen.store.reads.verification.schemaFault()).toBeNull();
});
