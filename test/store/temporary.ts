import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "bun:sqlite";
import { policyFields } from "../../src/protocol/node-fields.ts";
import { openStore } from "../../src/store/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { fastDirectory } from "../support/fast-directory.ts";

/** The moment at which every temporary store is opened. */
export const openedAtMs = Date.UTC(2026, 0, 31, 12);

/** A directory that is removed when it is disposed. */
export class TemporaryDirectory implements Disposable {
  readonly path = mkdtempSync(join(fastDirectory, "agentd-store-"));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/**
 * Makes a database one whose schema has yet to take this step: of what the steps did, the columns of nodes' fields go, and
 * the bodies of nodes stand in their rows.
 */
export function forgetSchemaFrom(db: Database, version: number): void {
  for (const { stored, since } of policyFields) {
    if (since !== null && since >= version) db.run(`ALTER TABLE nodes DROP COLUMN ${stored}`);
  }
  if (version <= 7) rejoinBodies(db);
  db.run("DELETE FROM agentd_schema_migrations WHERE version >= ?", [version]);
}

function rejoinBodies(db: Database): void {
  for (const column of ["payload_schema", "resources"]) {
    db.run(`ALTER TABLE nodes ADD COLUMN ${column} TEXT`);
    db.run(`UPDATE nodes SET ${column} = (SELECT ${column} FROM node_bodies WHERE node = row)`);
  }
  db.run("DROP TABLE node_bodies");
}

/** A SQLite store in a temporary directory. */
export class TemporaryStore extends TemporaryDirectory {
  readonly file = join(this.path, "agent_state.db");
  store: Store = openStore(this.file, () => openedAtMs);

  /** As after a restart: closes the store, and opens what it left. */
  restart(meanwhile: () => void = () => undefined): Store {
    this.store.close();
    meanwhile();
    this.store = openStore(this.file, () => openedAtMs);
    return this.store;
  }

  override [Symbol.dispose](): void {
    this.store.close();
    super[Symbol.dispose]();
  }
}
