import { describe, expect, test } from "bun:test";
import { type Mode, Office } from "./office.ts";

describe("two wishes for", () => {
  test.each<[string, [string, Mode?], [string, Mode?], boolean]>([
    ["a directory and a file in it collide", ["dir:src"], ["file:src/a/b.rs"], true],
    ["a file and a glob that can match it collide", ["file:src/a.ts"], ["glob:src/**/*.ts"], true],
    ["a file and a glob that cannot do not", ["file:src/a.js"], ["glob:src/**/*.ts"], false],
    ["names with a common beginning do not", ["dir:src"], ["file:src2"], false],
    ["two spellings of a path collide", ["file:./src//a"], ["file:src/a/"], true],
    ["a path shared by both do not", ["dir:src", "shared"], ["file:src/a", "shared"], false],
    ["a path shared by one of them collide", ["dir:src", "shared"], ["file:src/a"], true],
    ["two tools do not", ["tool:a"], ["tool:b"], false],
    ["one tool collide", ["tool:a"], ["tool:a"], true],
  ])("%s", (_, [held, heldMode], [wanted, mode], collide) => {
    using office = new Office();
    expect(office.take("ann", [held], heldMode)).not.toBeNull();
    expect(office.take("bob", [wanted], mode) === null).toBe(collide);
  });

  test("the same path in two scopes do not, and where case does not count its cases do", () => {
    using office = new Office();
    const scope = "ignoring case";
    office.take("ann", ["file:a"], "exclusive", { scope });
    expect(office.take("bob", ["file:a"], "exclusive", { scope: "other" })).not.toBeNull();
    expect(office.take("bob", ["file:A"], "exclusive", { scope: "other" })).not.toBeNull();
    expect(office.take("bob", ["file:A"], "exclusive", { scope })).toBeNull();
  });
});

describe("several keys", () => {
  test("are taken together or not at all", () => {
    using office = new Office();
    office.take("ann", ["file:b"]);
    expect(office.take("bob", ["file:a", "file:b"])).toBeNull();
    expect(office.take("cid", ["file:a"])).not.toBeNull();
  });

  test("are kept and released together, and one of them alone", () => {
    using office = new Office();
    const lease = office.take("ann", ["file:a", "file:b"], "exclusive", { ttl_secs: 2 });
    const { lease_id = "" } = lease ?? {};
    office.live(1_000);
    office.named("ann").call("HeartbeatResourceLock", { lease_id, ttl_secs: 2 });
    office.live(1_500);
    const held = () =>
      office
        .named("ann")
        .call("ListResourceLocks", {})
        .locks.map(({ resource_key: key }) => key);
    expect(held()).toEqual(["file:a", "file:b"]);
    office.named("ann").call("ReleaseResourceLock", { lease_id, resource_key: "file:./a" });
    expect(held()).toEqual(["file:b"]);
    office.live(1_000);
    expect(held()).toEqual([]);
  });

  test("are added to a lease of one's own, whose keys are in nobody's way, and which may be raised", () => {
    using office = new Office();
    const lease_id = office.take("ann", ["dir:src"], "shared")?.lease_id;
    const more = office.take("ann", ["file:src/a"], "exclusive", { lease_id });
    expect(more).toMatchObject({ lease_id });
    office.take("bob", ["file:b"], "shared");
    expect(office.take("ann", ["file:b"], "exclusive", { lease_id })).toBeNull();
    office.take("ann", ["dir:src"], "exclusive", { lease_id });
    expect(office.named("ann").call("ListResourceLocks", { owner: "ann" }).locks).toMatchObject([
      { resource_key: "dir:src", mode: "exclusive" },
      { resource_key: "file:src/a" },
    ]);
    expect(
      office.named("bob").refusal("AcquireResourceLocks", { locks: [{ resource_key: "k" }], lease_id: office.newId() }),
    ).toBe("LEASE_LOST");
  });
});

test("a guard that was switched off is in the journal", () => {
  using office = new Office();
  const bypass = { guard: "pre-commit", resource_keys: ["file:a"], count: 1, owner: "ann", scope: "s" };
  office.named("ann").call("RecordGuardBypass", bypass);
  expect(office.named("ann").call("ListEvents", { action_types: ["GUARD_BYPASS"] }).events).toMatchObject([
    { origin: "client", task_id: null, payload: bypass },
  ]);
});
