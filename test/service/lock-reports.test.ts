import { describe, expect, test } from "bun:test";
import { limits } from "../../src/protocol/limits.ts";
import type { Answer, TestClient } from "./harness.ts";
import { TestService } from "./harness.ts";

/* What is read of locks over several turns. */

/** Metadata of this size, of which so many are told at once. */
const large = { intent: "x".repeat(limits.lockMetadataToldMax / 8 - 13) };
const toldAtOnce = 8;

interface Listed {
  locks: {
    resource_key: string;
    owner: string;
    metadata: unknown;
    metadata_omitted?: true;
  }[];
}

interface Checked {
  locks: { free: boolean; holders: { resource_key: string; intent: string | null; intent_omitted?: true }[] }[];
}

const take = (client: TestClient, resource_key: string, more: object = {}) =>
  client.call("AcquireResourceLock", { resource_key, ttl_secs: 3_600, ...more });

function answered(service: TestService, client: TestClient): Answer {
  service.settle();
  return client.read();
}

describe("a list of locks", () => {
  test("leaves metadata out that are too much together, and says so", () => {
    using service = new TestService();
    const client = service.client();
    for (let n = 0; n < toldAtOnce + 3; n++) take(client, `file:${n}`, { metadata: large });
    take(client, "file:small", { metadata: 1 });
    client.send("ListResourceLocks", {});
    const { locks } = answered(service, client).result as Listed;
    expect(locks).toHaveLength(toldAtOnce + 4);
    const omitted = locks.filter((lock) => lock.metadata_omitted === true);
    expect(omitted.map(({ metadata }) => metadata)).toEqual([null, null, null, null]);
    const told = locks.filter((lock) => !omitted.includes(lock));
    expect(told.map(({ metadata }) => metadata)).toEqual(Array.from({ length: toldAtOnce }, () => large));
  });

  test("spends nothing on metadata of locks that are not asked for", () => {
    using service = new TestService();
    const client = service.client();
    for (let n = 0; n < toldAtOnce; n++) take(client, `file:${n}`, { metadata: large, owner: "ann" });
    take(client, "file:x", { metadata: 1, owner: "bob" });
    client.send("ListResourceLocks", { owner: "bob" });
    const { locks } = answered(service, client).result as Listed;
    expect(locks.map(({ resource_key, metadata }) => [resource_key, metadata])).toEqual([["file:x", 1]]);
  });

  test("does not show two holders of a key that was given on while it was made", () => {
    using service = new TestService();
    const [asking, holding] = [service.client(), service.client()];
    const held = Array.from({ length: toldAtOnce }, (_, n) => take(holding, `file:${n}`, { metadata: large }));
    asking.send("ListResourceLocks", {});
    service.turn();
    expect(asking.answers).toEqual([]);
    holding.call("ReleaseResourceLock", { resource_key: "file:0", lease_id: held[0]?.lease_id ?? "" });
    take(holding, "file:0", { owner: "next" });
    const { locks } = answered(service, asking).result as Listed;
    const holders = locks.filter(({ resource_key }) => resource_key === "file:0").map(({ owner }) => owner);
    expect(holders.length).toBeLessThanOrEqual(1);
    expect(holders).not.toContain("anonymous");
    expect(locks.length).toBeGreaterThanOrEqual(toldAtOnce - 1);
  });

  test("of owners too long to tell is refused, and one of fewer is not", () => {
    using service = new TestService();
    const client = service.client();
    const owner = (n: number) => `${n}`.padEnd(1_000_000, "x");
    for (let n = 0; n * 1_000_000 <= limits.lockReportCharsMax; n++) take(client, `file:${n}`, { owner: owner(n) });
    client.send("ListResourceLocks", {});
    expect(answered(service, client).error).toMatchObject({ data: { kind: "LIMIT_EXCEEDED" } });
    client.send("ListResourceLocks", { owner: owner(3) });
    expect((answered(service, client).result as Listed).locks.map((lock) => lock.resource_key)).toEqual(["file:3"]);
  });
});

describe("a check of locks", () => {
  test("leaves intents out that are too much together, and says so", () => {
    using service = new TestService();
    const client = service.client();
    const locks = Array.from({ length: toldAtOnce + 2 }, (_, n) => ({ resource_key: `file:${n}` }));
    for (const { resource_key } of locks) take(client, resource_key, { metadata: large });
    client.send("CheckResourceLocks", { locks });
    const checked = (answered(service, client).result as Checked).locks;
    expect(checked.map(({ free }) => free)).toEqual(locks.map(() => false));
    const holders = checked.flatMap((one) => one.holders);
    expect(holders.map(({ resource_key }) => resource_key)).toEqual(locks.map(({ resource_key }) => resource_key));
    expect(holders.map(({ intent }) => intent)).toEqual(locks.map((_, n) => (n < toldAtOnce ? large.intent : null)));
    expect(holders.map((holder) => "intent_omitted" in holder)).toEqual(locks.map((_, n) => n >= toldAtOnce));
  });

  test("whose intents would be told too often is refused", () => {
    using service = new TestService();
    const client = service.client();
    take(client, "dir:src", { metadata: large });
    const many = Math.ceil(limits.lockReportCharsMax / large.intent.length) + 1;
    const locks = Array.from({ length: many }, (_, n) => ({ resource_key: `file:src/${n}` }));
    client.send("CheckResourceLocks", { locks });
    expect(answered(service, client).error).toMatchObject({ data: { kind: "LIMIT_EXCEEDED" } });
    client.send("CheckResourceLocks", { locks: locks.slice(0, 2) });
    expect((answered(service, client).result as Checked).locks.map(({ free }) => free)).toEqual([false, false]);
  });
});
