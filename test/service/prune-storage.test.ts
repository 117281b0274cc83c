import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StorageFailure, type Store } from "../../src/store/store.ts";
import { acquire, registerTask, type TestClient, TestService } from "./harness.ts";
import { overriding } from "./overriding.ts";
import { day, finishedTask, month } from "./pruning.ts";

let service: TestService;
let client: TestClient;

beforeEach(() => {
  service = new TestService();
  client = service.client();
});
afterEach(() => service[Symbol.dispose]());

function expectClean(): void {
  expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true, first_difference: null });
  expect(service.bugs).toEqual([]);
}

test("a commit that fails leaves everything there, and the next try takes it", () => {
  let fails = 1;
  const begun = (store: Store) => store.appended.some(({ actionType }) => actionType === "PRUNE_JOURNAL");
  using failing = new TestService({
    wrap: (store) =>
      overriding(store, {
        commit() {
          if (begun(store) && fails-- > 0) {
            store.abandon();
            throw new StorageFailure("STORAGE_FULL", "the disk is full", { reopen: false });
          }
          store.commit();
        },
      }),
  });
  const by = failing.client();
  finishedTask(by);
  failing.pass(31 * day);
  by.send("PruneJournal", { older_than_secs: month });
  failing.settle();
  expect(by.answers).toEqual([]);
  failing.live(500);
  expect(by.read().result).toMatchObject({ tasks: 1, rows: 7 });
  expect(fails).toBe(-1);
  expect(by.call("VerifyJournal", {})).toMatchObject({ ok: true, pruned_rows: 7 });
  expect(readdirSync(join(failing.directory, "archive"))).toHaveLength(1);
});

test("an archive that cannot be written is a refusal, and nothing has left", () => {
  const old = finishedTask(client);
  service.pass(31 * day);
  writeFileSync(join(service.directory, "archive"), "in the way");
  const { seq } = service.store.reads.head;
  expect(client.refusal("PruneJournal", { older_than_secs: month })).toBe("STORAGE_FAILED");
  expect(service.store.reads.head.seq).toBe(seq);
  expect(client.call("ListEvents", { task_id: old }).events).toHaveLength(7);
  expectClean();
});

test("the file shrinks", () => {
  const { taskId } = registerTask(client, 1);
  const { claim } = acquire(client, taskId);
  for (let n = 0; n < 500; n++) client.call("CommitEvent", { ...claim, payload: "x".repeat(10_000) });
  client.call("CompleteNode", { ...claim, result_payload: 1 });
  service.restart();
  const before = statSync(service.database).size;
  service.pass(31 * day);
  client = service.client();
  client.call("PruneJournal", { older_than_secs: month });
  service.settle();
  service.restart();
  expect(before).toBeGreaterThan(5_000_000);
  expect(statSync(service.database).size).toBeLessThan(500_000);
  client = service.client();
  expectClean();
});
