import { describe, expect, test } from "bun:test";
import { Office, wish } from "./office.ts";

describe("who waits", () => {
  test("is served first come, first served per overlap", () => {
    using office = new Office();
    const held = office.take("ann", ["dir:src"]);
    office.wait("bob", ["file:src/a"]);
    office.wait("cid", ["dir:src"]);
    office.wait("dan", ["file:src/b"]);
    office.release("ann", held);
    // Cid came before dan, and wants what dan wants.
    expect(office.answered("bob", "cid", "dan")).toEqual(["bob has it"]);
  });

  test("alone is not overtaken by those who share, nor by one who comes and would have it at once", () => {
    using office = new Office();
    const held = office.take("ann", ["dir:src"], "shared");
    office.wait("bob", ["file:src/a"]);
    expect(office.take("cid", ["file:src/a"], "shared")).toBeNull();
    expect(office.take("cid", ["file:src/b"], "shared")).not.toBeNull();
    office.release("ann", held);
    expect(office.answered("bob")).toEqual(["bob has it"]);
  });

  test("for a set keeps others from the part of it that is free", () => {
    using office = new Office();
    const held = office.take("ann", ["file:b"]);
    office.wait("bob", ["file:a", "file:b"]);
    expect(office.take("cid", ["file:a"])).toBeNull();
    office.release("ann", held);
    expect(office.answered("bob")).toEqual(["bob has it"]);
  });

  test("lets the holder go first who only adds to what it waits for", () => {
    using office = new Office();
    const lease_id = office.take("ann", ["file:a"])?.lease_id;
    office.wait("bob", ["dir:."]);
    expect(office.take("ann", ["file:b"], "exclusive", { lease_id })).not.toBeNull();
    expect(office.take("ann", ["file:b"])).toBeNull();
  });

  test.each(["leaves", "dies", "waits no longer"])("and %s lets those behind go on at once", (how) => {
    using office = new Office();
    office.take("ann", ["dir:src"], "shared");
    office.wait("bob", ["file:src/a"], "exclusive");
    office.wait("cid", ["file:src/a"], "shared");
    office.take("eva", ["tool:x"], "exclusive", { ttl_secs: 600 });
    expect(office.answered("cid")).toEqual([]);
    if (how === "leaves") office.named("bob").leave();
    else if (how === "dies") office.named("bob").gone = true;
    else office.live(59_000);
    // A dead one is noticed when it would be served: here its time is over.
    if (how === "dies") office.live(60_000);
    else office.live(1_000);
    expect(office.answered("cid")).toEqual(["cid has it"]);
    expect(office.answered("bob")).toEqual(how === "waits no longer" ? ["bob null"] : []);
  });

  test("gets what expires", () => {
    using office = new Office();
    office.take("ann", ["file:a"], "exclusive", { ttl_secs: 5 });
    office.wait("bob", ["file:a"]);
    office.live(4_999);
    expect(office.answered("bob")).toEqual([]);
    office.live(1);
    expect(office.answered("bob")).toEqual(["bob has it"]);
  });

  test("under a lease that ends is told so", () => {
    using office = new Office();
    office.take("ann", ["file:a"]);
    const own = office.take("bob", ["file:b"]);
    office.wait("bob", ["file:a"], "exclusive", { lease_id: own?.lease_id });
    office.named("cid").call("ForceReleaseResourceLock", { resource_key: "file:b", reason: "why not" });
    expect(office.answered("bob")).toEqual(["bob LEASE_LOST"]);
  });
});

describe("a wait that would never end is refused", () => {
  test("of two in an embrace one, and the other is served", () => {
    using office = new Office();
    office.take("ann", ["file:a"]);
    const second = office.take("bob", ["file:b"]);
    office.wait("ann", ["file:b"]);
    office.wait("bob", ["file:a"]);
    expect(office.answered("ann", "bob")).toEqual(["bob DEADLOCK"]);
    office.release("bob", second);
    expect(office.answered("ann", "bob")).toEqual(["ann has it"]);
  });

  test("with the circle spelled out, through leases, owners and the line", () => {
    using office = new Office();
    const ann = office.take("ann", ["file:a"]);
    office.take("bob", ["file:b"], "exclusive", { provider: "p" });
    office.wait("bob", ["file:a"], "exclusive", { provider: "p" });
    office.wait("cid", ["dir:."]);
    office.named("ann").send("AcquireResourceLocks", {
      locks: [{ resource_key: "file:b" }],
      lease_id: ann?.lease_id,
      owner: "ann",
      wait_ms: 1_000,
    });
    office.settle();
    expect(office.named("ann").read().error).toMatchObject({
      message: expect.stringContaining(
        '"ann" wants file:b, and "bob" (p) holds it; "bob" (p) wants file:a, and "ann" holds it',
      ) as string,
      data: {
        kind: "DEADLOCK",
        circle: [
          {
            waiter: { owner: "ann", lease_id: ann?.lease_id },
            wants: "file:b",
            held_by: { owner: "bob", provider: "p" },
          },
          {
            waiter: { owner: "bob", provider: "p" },
            wants: "file:a",
            held_by: { owner: "ann", lease_id: ann?.lease_id },
          },
        ],
      },
    });
  });

  test("not of anonymous ones, who may be anybody", () => {
    using office = new Office();
    const first = office.named("x").call("AcquireResourceLock", { resource_key: "file:a" });
    office.named("x").send("AcquireResourceLock", { resource_key: "file:a", wait_ms: 60_000 });
    office.settle();
    expect(office.answered("x")).toEqual([]);
    office.release("y", first);
    expect(office.answered("x")).toEqual(["x has it"]);
  });
});

describe("bounds", () => {
  test("257 keys in one request, 1,001 in one lease and 1,001 waiting are refused", () => {
    using office = new Office();
    const keys = (n: number, from = 0) => Array.from({ length: n }, (_, i) => `k${from + i}`);
    expect(office.named("ann").refusal("AcquireResourceLocks", wish("ann", keys(257), "shared", {}))).toBe(
      "INVALID_PARAMS",
    );
    const lease_id = office.take("ann", keys(250))?.lease_id;
    for (let n = 250; n < 1_000; n += 250) office.take("ann", keys(250, n), "exclusive", { lease_id });
    const more = wish("ann", ["k1000"], "exclusive", { lease_id });
    expect(office.named("ann").refusal("AcquireResourceLocks", more)).toBe("LIMIT_EXCEEDED");
    for (let n = 0; n < 1_000; n++)
      office.named("bob").send("AcquireResourceLock", { resource_key: "k1", wait_ms: 60_000 });
    office.settle();
    expect(office.named("cid").refusal("AcquireResourceLock", { resource_key: "k1", wait_ms: 1 })).toBe(
      "LIMIT_EXCEEDED",
    );
  });

  test("a request of many globs beside many files is granted, and of too many refused", () => {
    using office = new Office();
    for (let n = 0; n < 1_000; n++) office.named("ann").send("AcquireResourceLock", { resource_key: `file:src/${n}` });
    office.settle();
    const globs = Array.from({ length: 200 }, (_, n) => `glob:**/{a,b,c,d}*${n}*`);
    expect(office.named("bob").refusal("AcquireResourceLocks", wish("bob", globs, "exclusive", {}))).toBe(
      "LIMIT_EXCEEDED",
    );
    expect(office.take("bob", globs.slice(0, 10))).not.toBeNull();
  });
});
