import { describe, expect, test } from "bun:test";
import { Office } from "./office.ts";
import { overridingReads } from "./overriding.ts";

/** An office where looking for locks in one place takes a millisecond, once it is slow. */
function slowOffice(): { office: Office; slow: (is: boolean) => void } {
  const made: { office?: Office; slow: boolean } = { slow: false };
  const office = new Office({
    wrap: (store) =>
      overridingReads(store, "locks", (locks) => ({
        near(scope, terms) {
          if (made.slow && made.office !== undefined) made.office.clock.monotonicMs += 1;
          return locks.near(scope, terms);
        },
      })),
  });
  made.office = office;
  return { office, slow: (is) => (made.slow = is) };
}

const waiters = Array.from({ length: 60 }, (_, n) => `w${n}`);

describe("when something ends that very many wait for", () => {
  test("they are asked over several turns, in their order, and others go between", () => {
    const { office, slow } = slowOffice();
    using _ended = office;
    const held = office.take("ann", ["dir:src"]);
    for (const [n, name] of waiters.entries()) office.wait(name, [`file:src/${n}`]);
    slow(true);
    office.named("ann").send("ReleaseResourceLock", { lease_id: held?.lease_id ?? "" });
    expect(office.turn()).toBe(true);
    const first = office.answered(...waiters).length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(waiters.length);
    office.named("other").send("Health", {});
    office.turn();
    expect(office.named("other").answers).toHaveLength(1);
    office.settle();
    expect(office.answered(...waiters)).toHaveLength(waiters.length - first);
  });

  test("nobody who comes meanwhile goes before one that was not asked yet", () => {
    const { office, slow } = slowOffice();
    using _ended = office;
    const held = office.take("ann", ["dir:src"]);
    for (const name of waiters) office.wait(name, [name === waiters.at(-1) ? "file:src/last" : `file:src/${name}`]);
    slow(true);
    office.named("ann").send("ReleaseResourceLock", { lease_id: held?.lease_id ?? "" });
    office.turn();
    expect(office.take("thief", ["file:src/last"])).toBeNull();
    office.settle();
    expect(office.answered(waiters.at(-1) ?? "")).toEqual([`${waiters.at(-1)} has it`]);
  });
});
