import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRefusal } from "../../src/core/decision.ts";
import { openStore } from "../../src/store/sqlite-store.ts";
import { failureOf, payloads, write } from "./failures.ts";
import { asTold, recount, tell, within } from "./story.ts";
import { openedAtMs, TemporaryDirectory, TemporaryStore } from "./temporary.ts";

/** A file system of one mebibyte, where the system lets us have one. */
class SmallDisk extends TemporaryDirectory {
  readonly mounted: boolean;
  readonly disk = join(this.path, "small");

  constructor() {
    super();
    mkdirSync(this.disk);
    this.mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", this.disk]).success;
    if (!this.mounted) process.stderr.write("SKIPPED: a store on a full disk, because mounting one takes root\n");
  }

  override [Symbol.dispose](): void {
    if (this.mounted) Bun.spawnSync(["umount", "-l", this.disk]);
    super[Symbol.dispose]();
  }
}

describe("a full disk", () => {
  test("refuses writes, keeps what was committed, answers reads, and serves again when there is room", () => {
    using small = new SmallDisk();
    if (!small.mounted) return;
    const file = join(small.disk, "agent_state.db");
    const ballast = join(small.disk, "ballast");
    const store = openStore(file, () => openedAtMs);
    writeFileSync(ballast, Buffer.alloc(300_000));
    let committed = 0;
    const failure = failureOf(() => {
      for (;;) {
        write(store, committed + 1);
        committed++;
      }
    });
    expect([failure.kind, failure.reopen]).toEqual(["STORAGE_FULL", false]);
    expect(committed).toBeGreaterThan(10);
    expect(failureOf(() => write(store, 0)).kind).toBe("STORAGE_FULL");
    expect(payloads(store)).toHaveLength(committed);
    expect(asTold(store)).toEqual(recount(store));

    rmSync(ballast);
    write(store, committed + 1);
    store.close();
    const again = openStore(file, () => openedAtMs);
    expect(payloads(again)).toEqual(Array.from({ length: committed + 1 }, (_, n) => String(n + 1)));
    again.close();
  });

  test("lets a store that is on it be closed, and opened again with all it held", () => {
    using small = new SmallDisk();
    if (!small.mounted) return;
    const file = join(small.disk, "agent_state.db");
    const store = openStore(file, () => openedAtMs);
    write(store, 1);
    fillUp(small.disk);
    store.close();
    const again = openStore(file, () => openedAtMs);
    expect(payloads(again)).toEqual(["1"]);
    again.close();
  });

  test("ends a backup to it, and leaves the store as well as before", () => {
    using small = new SmallDisk();
    if (!small.mounted) return;
    using specimen = new TemporaryStore();
    const { store } = specimen;
    within(store, () => tell(store, { payload: "x".repeat(2 << 20) }));
    const backup = store.startBackup(join(small.disk, "copy.db"));
    if (isRefusal(backup)) throw new Error(backup.message);
    const failure = failureOf(() => {
      while (!backup.step());
    });
    expect(failure.kind).toBe("STORAGE_FULL");
    backup.cancel();
    expect(readdirSync(small.disk)).toEqual([]);
    write(store, 2);
  });

  function fillUp(directory: string): void {
    for (let size = 1 << 20; size >= 1_024; size /= 2) {
      try {
        writeFileSync(join(directory, `ballast ${size}`), Buffer.alloc(size));
      } catch {
        // Smaller pieces may still fit.
      }
    }
  }
});
