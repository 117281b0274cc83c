import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, readdirSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { openStore } from "../../src/store/sqlite-store.ts";
import { failureOf, payloads, reopen, write } from "./failures.ts";
import { asTold, recount, register, tell, within } from "./story.ts";
import { openedAtMs, TemporaryStore } from "./temporary.ts";

/** Files this process has open that nobody finds any more. */
const unnamedFiles = () =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).endsWith("(deleted)");
    } catch {
      // The directory that is being read.
      return false;
    }
  });

test.skipIf(process.platform !== "linux")("a large request leaves nothing to be undone in a temporary file", () => {
  using specimen = new TemporaryStore();
  const { store } = specimen;
  const before = unnamedFiles();
  // Each task's nodes stand between those of the one before in the index over their ids.
  const many = (task: string) =>
    Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`${index} ${task}`, []]));
  const registerKept = (task: string) =>
    store.savepoint(
      () => register(store, task, many(task)),
      () => true,
    );
  for (const task of ["a", "b"]) within(store, () => registerKept(task));
  expect(unnamedFiles()).toEqual(before);
});

describe("while its file is not where it was, a store", () => {
  const ways: [string, (file: string) => void, string][] = [
    ["removed", (file) => renameSync(file, `${file}.away`), "was removed"],
    ["replaced", (file) => (renameSync(file, `${file}.away`), copyFileSync(`${file}.away`, file)), "was replaced"],
    [
      "replaced by an empty file",
      (file) => (renameSync(file, `${file}.away`), writeFileSync(file, "")),
      "was replaced",
    ],
  ];

  test.each(ways)("refuses every write, and works again when it is put back (%s)", (_, take, reason) => {
    using specimen = new TemporaryStore();
    const { store, file } = specimen;
    write(store, 1);
    take(file);
    for (const payload of [2, 3]) {
      const failure = failureOf(() => write(store, payload));
      expect([failure.kind, failure.message]).toEqual(["STORAGE_FAILED", expect.stringContaining(reason) as string]);
    }
    expect(store.check()?.message).toContain(reason);
    expect(failureOf(() => reopen(store)).message).toContain(reason);

    renameSync(`${file}.away`, file);
    expect(store.check()).toBeNull();
    write(store, 4);
    expect(payloads(specimen.restart())).toEqual(["1", "4"]);
  });

  test("answers reads from what it holds", () => {
    using specimen = new TemporaryStore();
    const { store, file } = specimen;
    write(store, 1);
    renameSync(file, `${file}.away`);
    expect(payloads(store)).toEqual(["1"]);
    renameSync(`${file}.away`, file);
  });

  test("loses nothing that was committed when it vanishes in the middle of a transaction", () => {
    using specimen = new TemporaryStore();
    const { store, file } = specimen;
    write(store, 1);
    store.begin();
    tell(store, { payload: 2 });
    renameSync(file, `${file}.away`);
    expect(failureOf(() => store.commit()).kind).toBe("STORAGE_FAILED");
    expect(store.reads.head.seq).toBe(1);
    renameSync(`${file}.away`, file);
    expect(payloads(specimen.restart())).toEqual(["1"]);
  });
});

describe("a store that is opened anew", () => {
  test("any number of times holds what was committed, and goes on", () => {
    using specimen = new TemporaryStore();
    const { store } = specimen;
    for (let n = 1; n <= 3; n++) {
      write(store, n);
      reopen(store);
    }
    expect(payloads(store)).toEqual(["1", "2", "3"]);
    expect(asTold(store)).toEqual(recount(store));
  });

  // Root may read everything, and so is somebody else for a moment.
  test("that may not be read any more says that it cannot be opened, and nothing of a commit", () => {
    using specimen = new TemporaryStore();
    const { store, file } = specimen;
    write(store, 1);
    chmodSync(dirname(file), 0o755);
    chmodSync(file, 0);
    const me = process.geteuid?.() ?? 1;
    if (me === 0) process.seteuid?.(65_534);
    const failure = failureOf(() => reopen(store));
    const later = failureOf(() => reopen(store));
    if (me === 0) process.seteuid?.(me);
    chmodSync(file, 0o600);
    expect([failure, later, store.check()].map((one) => one?.kind)).toEqual([
      "STORAGE_FAILED",
      "STORAGE_FAILED",
      "STORAGE_FAILED",
    ]);
    reopen(store);
    expect(payloads(store)).toEqual(["1"]);
  });

  test("has forgotten what was not committed", () => {
    using specimen = new TemporaryStore();
    const { store } = specimen;
    store.begin();
    tell(store);
    reopen(store);
    expect([store.reads.head.seq, payloads(store)]).toEqual([0, []] as never);
    write(store, 1);
  });
});

describe("a store without a second file", () => {
  test("keeps no shared memory beside it, and no log once it is closed", () => {
    using specimen = new TemporaryStore();
    write(specimen.store, 1);
    const names = () => readdirSync(specimen.path).toSorted();
    expect(names()).toEqual(["agent_state.db", "agent_state.db-wal", "agent_state.db.head"]);
    specimen.restart(() => expect(names()).toEqual(["agent_state.db", "agent_state.db.head"]));
  });
});

test("two stores of one process never share a file", () => {
  using specimen = new TemporaryStore();
  expect(failureOf(() => openStore(specimen.file, () => openedAtMs)).message).toContain(basename(specimen.file));
  within(specimen.store, () => register(specimen.store, "t", {}));
  const db = new Database(specimen.file);
  expect(() => db.query("SELECT * FROM tasks").all()).toThrow(/locked/);
  db.close(true);
});
