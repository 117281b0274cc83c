import type { Database } from "bun:sqlite";

/** Does something to the tables that triggers would keep in step. */
export function withoutTriggers<T>(db: Database, work: () => T): T {
  const triggers = db
    .query<{ name: string; sql: string }, []>("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    .all();
  for (const { name } of triggers) db.run(`DROP TRIGGER ${name}`);
  const result = work();
  for (const { sql } of triggers) db.run(sql);
  return result;
}
