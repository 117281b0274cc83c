import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import type { Effect } from "../../src/core/effects.ts";
import { beginEpoch } from "../../src/service/journal/epoch.ts";
import type { Store } from "../../src/store/store.ts";
import { TemporaryDirectory } from "../store/temporary.ts";
import { stories } from "./everything.ts";
import { acquire, registerTask, TestService } from "./harness.ts";
import { type Batch, differenceOf, heldBackIn, record, replay } from "./replica.ts";

/*
 * Every service test replays what happened in it onto a second database and compares the tables (harness.ts). Here it is
 * shown that this finds whatever is left out.
 */

const kinds = Object.keys({
  registerTask: 1,
  addNodes: 1,
  cancelTask: 1,
  steerTask: 1,
  acquireNode: 1,
  changeNode: 1,
  setNodePriority: 1,
  extendNodeLease: 1,
  setProgress: 1,
  holdBack: 1,
  forgetHeldBack: 1,
  grantLocks: 1,
  extendLocks: 1,
  endLocks: 1,
  submitBundle: 1,
  decideBundle: 1,
  appendEvent: 1,
  beginEpoch: 1,
  beginPruning: 1,
  takeOutRows: 1,
  takeOutNodes: 1,
  freePages: 1,
  shiftDeadlines: 1,
  renewLeases: 1,
  endDelays: 1,
  rememberAnswer: 1,
} satisfies Record<Effect["kind"], 1>) as Effect["kind"][];

/** What the stories of everything do not tell. */
function goOn(service: TestService): void {
  let client = service.client();
  const plan = [{ name: "first" }, { name: "last" }];
  const { task_id } = client.call("RegisterTask", { goal: "g", initial_nodes: plan });
  client.call("AddNodes", { task_id, nodes: [{ name: "added" }], expand_before: ["last"] });
  const [first] = client.call("TaskStatus", { task_id }).nodes;
  client.call("SetPriority", { task_id, node_id: first?.id ?? "", priority: 5 });
  client.call("CancelTask", { task_id, reason: "enough" });

  // A delay that ends, and a node that is kept from being handed out until the next start.
  const { taskId } = registerTask(client, 1);
  client.call("ReleaseNode", { ...acquire(client, taskId).claim, delay_secs: 3 });
  service.live(5_000);
  const resources = [{ resource_key: "kept" }];
  const wanting = client.call("RegisterTask", { goal: "g", initial_nodes: [{ resources }] });
  const kept = client.call("AcquireResourceLock", { resource_key: "kept", owner: "eve" });
  client.call("AcquireNextNode", { task_id: wanting.task_id });
  client.call("AcquireResourceLock", { resource_key: "silent", owner: "joe" });
  service.pass(1_000);
  service.restart();
  service.settle();

  // Heartbeats, and a clock that is set.
  client = service.client();
  client.call("HeartbeatResourceLock", { lease_id: kept?.lease_id ?? "", ttl_secs: 5_000 });
  const { claim } = acquire(client, taskId);
  service.pass(1_000);
  client.call("HeartbeatNode", claim);
  service.clock.wallMs += 100_000;
  service.settle();
  client.call("CommitEvent", { ...claim, action_type: "told", payload: 1 });

  // A node that is skipped with the one it waits for.
  const hopeless = [{ name: "first" }, { dependencies: ["first"], on_dependency_failure: "skip" as const }];
  const { task_id: failing } = client.call("RegisterTask", { goal: "g", initial_nodes: hopeless });
  client.call("FailNode", { ...acquire(client, failing).claim, error_payload: "no" });

  // A node goes before nobody who waits for locks in line, as long as that one does; another waits for a lock that is held.
  client.call("AcquireResourceLock", { resource_key: "file:src/a", owner: "ann", scope: "s" });
  const waiting = service.client();
  waiting.send("AcquireResourceLock", { resource_key: "dir:src", owner: "bob", scope: "s", wait_ms: 60_000 });
  service.settle();
  for (const path of ["src/b", "src/a"]) {
    const declared = [{ resources: [{ resource_key: `file:${path}`, scope: "s" }] }];
    const { task_id: asked } = client.call("RegisterTask", { goal: "g", initial_nodes: declared });
    if (path === "src/a") {
      waiting.leave();
      service.settle();
    }
    client.call("AcquireNextNode", { task_id: asked });
  }
}

describe("a replica that misses one kind of effect", () => {
  const directory = new TemporaryDirectory();
  afterAll(() => directory[Symbol.dispose]());
  const told: { openings: Batch[][]; openedAtMs: number; end: string; heldBack: readonly string[] }[] = [];

  beforeAll(() => {
    for (const [n, tell] of [...Object.values(stories), goOn].entries()) {
      const openings: Batch[][] = [];
      const wrap = (store: Store) => {
        openings.push(record(store));
        return store;
      };
      using service = new TestService({ wrap });
      const openedAtMs = service.clock.wallMs;
      tell(service);
      service.settle();
      beginEpoch(service.store, null, "agentd restore", service.clock.wallMs);
      const end = join(directory.path, `end-${n}.db`);
      const heldBack = heldBackIn(service.store);
      service.restart(() => copyFileSync(service.database, end));
      told.push({ openings: openings.slice(0, -1), openedAtMs, end, heldBack });
    }
  });

  /** What the first story tells in which the tables differ then. */
  function difference(without?: Effect["kind"]): string | null {
    const path = join(directory.path, `without-${without ?? "nothing"}.db`);
    for (const [n, { openings, openedAtMs, end, heldBack }] of told.entries()) {
      let held: readonly string[] = [];
      try {
        for (const batches of openings) held = replay(batches, `${path}-${n}`, openedAtMs, without);
      } catch (error) {
        return String(error);
      }
      const found = differenceOf(end, `${path}-${n}`);
      if (found !== null || !Bun.deepEquals(held, heldBack)) return found ?? `${held.join()} are held back`;
    }
    return null;
  }

  test("has the same in all tables when it misses none", () => {
    expect(difference()).toBeNull();
  });

  test.each(kinds)("has not without %s", (kind) => {
    expect(difference(kind)).not.toBeNull();
  });
});
