import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRefusal } from "../../src/core/decision.ts";
import { openStore } from "../../src/store/sqlite-store.ts";
import type { Backup, Store } from "../../src/store/store.ts";
import { failureOf, payloads, reopen, write } from "./failures.ts";
import { asTold, recount, tell, within } from "./story.ts";
import { openedAtMs, TemporaryStore } from "./temporary.ts";

describe("a backup", () => {
  function started(store: Store, path: string): Backup {
    const backup = store.startBackup(path);
    if (isRefusal(backup)) throw new Error(backup.message);
    return backup;
  }

  /** Copies to the end; what the copy holds is read by a store of its own. */
  function finish(backup: Backup, path: string): string[] {
    while (!backup.step());
    const copy = openStore(path, () => openedAtMs);
    try {
      expect(asTold(copy)).toEqual(recount(copy));
      return payloads(copy);
    } finally {
      copy.close();
    }
  }

  /** Enough that a copy takes several steps. */
  const fill = (store: Store) => {
    for (let n = 1; n <= 3; n++) within(store, () => tell(store, { payload: String(n).repeat(3 << 20) }));
  };
  const short = (texts: readonly string[]) => texts.map((text) => text.slice(0, 2));

  test("holds the moment it was started at, whatever is written while it is made", () => {
    using specimen = new TemporaryStore();
    const { store } = specimen;
    fill(store);
    const path = join(specimen.path, "copy.db");
    const backup = started(store, path);
    expect(backup.step()).toBe(false);
    for (let n = 0; n < 50; n++) within(store, () => tell(store, { payload: `later ${"x".repeat(50_000)}` }));
    expect(existsSync(path)).toBe(false);
    expect(short(finish(backup, path))).toEqual(['"1', '"2', '"3']);
    expect(backup.bytes).toBe(Bun.file(path).size);
    expect(asTold(store)).toEqual(recount(store));
    expect(asTold(specimen.restart()).totals.rows).toBe(53);
  });

  test("is refused where something exists already, and touches nothing", () => {
    using specimen = new TemporaryStore();
    const path = join(specimen.path, "copy.db");
    writeFileSync(path, "mine");
    expect(specimen.store.startBackup(path)).toMatchObject({ refused: "INVALID_STATE", facts: { path } });
    expect(readdirSync(specimen.path)).not.toContain("copy.db.unfinished");
    write(specimen.store, 1);
  });

  test("is refused while another one is made, and given afterwards", () => {
    using specimen = new TemporaryStore();
    const { store } = specimen;
    const [first, second] = [join(specimen.path, "first.db"), join(specimen.path, "second.db")];
    const backup = started(store, first);
    expect(store.startBackup(second)).toMatchObject({ refused: "INVALID_STATE" });
    finish(backup, first);
    finish(started(store, second), second);
  });

  test("that is given up leaves nothing, and the log is folded in again", () => {
    using specimen = new TemporaryStore();
    const { store } = specimen;
    fill(store);
    const path = join(specimen.path, "copy.db");
    const backup = started(store, path);
    backup.step();
    backup.cancel();
    backup.cancel();
    expect([backup.active, existsSync(path), existsSync(`${path}.unfinished`)]).toEqual([false, false, false]);
    expect(failureOf(() => backup.step()).kind).toBe("STORAGE_FAILED");
    within(store, () => tell(store, { payload: "x".repeat(5 << 20) }));
    expect(finish(started(store, path), path)).toHaveLength(4);
  });

  test("that finds its name taken when it is done fails, and leaves the name as it is and nothing beside it", () => {
    using specimen = new TemporaryStore();
    const path = join(specimen.path, "copy.db");
    const backup = started(specimen.store, path);
    writeFileSync(path, "mine");
    expect(failureOf(() => finish(backup, path)).message).toContain("exists by now");
    backup.cancel();
    expect(readdirSync(specimen.path).filter((name) => name.startsWith("copy"))).toEqual(["copy.db"]);
    write(specimen.store, 1);
  });

  test("does not write through a link that stands in its way", () => {
    using specimen = new TemporaryStore();
    const [path, victim] = [join(specimen.path, "copy.db"), join(specimen.path, "victim")];
    writeFileSync(victim, "mine");
    symlinkSync(victim, `${path}.unfinished`);
    finish(started(specimen.store, path), path);
    expect(Bun.file(victim).size).toBe(4);
  });

  test.each([
    ["a folder that is not there", (path: string) => join(path, "none", "copy.db")],
    ["a file in the folder's place", (path: string) => join(path, "agent_state.db", "copy.db")],
  ])("to %s is refused with what to do, and the store is as well as before", (_, target) => {
    using specimen = new TemporaryStore();
    const { store } = specimen;
    expect(store.startBackup(target(specimen.path))).toMatchObject({
      refused: "INVALID_STATE",
      message: expect.stringContaining("name a file in a directory that can be written") as string,
    });
    write(store, 1);
    const path = join(specimen.path, "copy.db");
    expect(finish(started(store, path), path)).toEqual(["1"]);
  });

  test("is ended by an opening anew, and writes to no other file that gets its descriptor", () => {
    using specimen = new TemporaryStore();
    const { store } = specimen;
    fill(store);
    const backup = started(store, join(specimen.path, "copy.db"));
    backup.step();
    reopen(store);
    expect([backup.active, failureOf(() => backup.step()).kind]).toEqual([false, "STORAGE_FAILED"]);
    expect(readdirSync(specimen.path).filter((name) => name.startsWith("copy"))).toEqual([]);
    expect(short(payloads(specimen.restart()))).toEqual(['"1', '"2', '"3']);
  });
});
