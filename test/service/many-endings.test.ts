import { describe, expect, test } from "bun:test";
import { limits } from "../../src/protocol/limits.ts";
import { Office, wish } from "./office.ts";
import { overriding } from "./overriding.ts";
import { allLocks } from "../store/story.ts";

/** An office where to end the locks of one lease takes a millisecond. */
function slowOffice(): Office {
  const made: { office?: Office } = {};
  const office = new Office({
    wrap: (store) =>
      overriding(store, {
        apply(effect) {
          if (effect.kind === "endLocks" && made.office !== undefined) made.office.clock.monotonicMs += 1;
          return store.apply(effect);
        },
      }),
  });
  made.office = office;
  return office;
}

const leases = 100;
const key = (n: number) => `file:src/${n}`;

/** Runs one turn; how many locks are on record then. */
function afterTurn(office: Office): number {
  office.turn();
  return allLocks(office.store).length;
}

const isSound = (office: Office) => office.named("checker").call("VerifyJournal", {}).ok;

describe("what ends the locks of very many leases takes several turns", () => {
  /** A task, all of whose nodes run and hold a lock. */
  function running(office: Office): string {
    const initial_nodes = Array.from({ length: leases }, (_, n) => ({ resources: [{ resource_key: key(n) }] }));
    const { task_id } = office.named("boss").call("RegisterTask", { goal: "g", initial_nodes });
    office.named("boss").call("AcquireNextNode", { task_id, count: 100 });
    return task_id;
  }

  test("a cancellation is answered at once, and what its nodes held is free for whoever comes", () => {
    using office = slowOffice();
    const task_id = running(office);
    office.named("boss").send("CancelTask", { task_id, reason: "enough" });
    expect(afterTurn(office)).toBeGreaterThan(leases / 2);
    expect(office.named("boss").read()).toMatchObject({ result: { canceled: leases } });
    expect(office.take("ann", [key(leases - 1)])).not.toBeNull();
    office.settle();
    expect(allLocks(office.store)).toHaveLength(1);
    expect(isSound(office)).toBe(true);
  });

  test("a cancellation goes on after a restart", () => {
    using office = slowOffice();
    const task_id = running(office);
    office.named("boss").send("CancelTask", { task_id, reason: "enough" });
    expect(afterTurn(office)).toBeGreaterThan(leases / 2);
    office.restart();
    office.settle();
    expect(allLocks(office.store)).toEqual([]);
  });

  test("who waits for a lock of a canceled node gets it", () => {
    using office = slowOffice();
    const task_id = running(office);
    office.wait("ann", [key(leases - 1)]);
    office.named("boss").call("CancelTask", { task_id, reason: "enough" });
    office.settle();
    expect(office.answered("ann")).toEqual(["ann has it"]);
    expect(isSound(office)).toBe(true);
  });

  test("a forced release of a key that many share", () => {
    using office = slowOffice();
    for (let n = 0; n < leases; n++) office.take("ann", ["file:shared"], "shared");
    office.named("boss").send("ForceReleaseResourceLock", { resource_key: "file:shared", reason: "stuck" });
    expect(afterTurn(office)).toBeGreaterThan(leases / 2);
    expect(office.named("boss").answers).toEqual([]);
    office.settle();
    const { result } = office.named("boss").read();
    expect((result as { released: unknown[] }).released).toHaveLength(leases);
    expect(isSound(office)).toBe(true);
  });

  test("a request for what many held whose time is over", () => {
    using office = slowOffice();
    for (let n = 0; n < leases; n++) office.take("ann", [key(n)], "exclusive", { ttl_secs: 1 });
    office.pass(900);
    office.turn();
    office.pass(900);
    office.named("bob").send("AcquireResourceLocks", wish("bob", ["dir:src"], "exclusive", {}));
    expect(afterTurn(office)).toBeGreaterThan(leases / 4);
    expect(office.named("bob").answers).toEqual([]);
    office.settle();
    expect(office.answered("bob")).toEqual(["bob has it"]);
    expect(allLocks(office.store)).toHaveLength(1);
    expect(isSound(office)).toBe(true);
  });

  test("such a request has no place in a line that is full, as any other", () => {
    using office = slowOffice();
    office.take("ann", ["file:held"], "exclusive", { ttl_secs: 3_600 });
    const waiting = { ...wish("waiter", ["file:held"], "exclusive", {}), wait_ms: 600_000 };
    for (let n = 0; n < limits.lockWaitersMax; n++) office.named("waiter").send("AcquireResourceLocks", waiting);
    office.settle();
    for (let n = 0; n < leases; n++) office.take("ann", [key(n)], "exclusive", { ttl_secs: 1 });
    office.pass(900);
    office.turn();
    office.pass(900);
    for (const wait_ms of [0, 1_000]) {
      office.named("bob").send("AcquireResourceLocks", wish("bob", ["dir:src"], "exclusive", { wait_ms }));
    }
    office.turn();
    expect(office.named("bob").answers.map(({ error }) => error?.data)).toMatchObject([
      { limit: "lock_waiters_max" },
      { limit: "lock_waiters_max" },
    ]);
  });
});
