import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
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
