import { describe, expect, test } from "bun:test";
import type { Replay } from "../../src/core/journal/replay.ts";
import { ImpossibleRow } from "../../src/core/journal/replayed.ts";
import { replayed, type Row, rowAt } from "./replaying.ts";

const a = { id: "a", dependencies: [], payload_schema: {} };
const register: Row = ["REGISTER_TASK", { goal: "g", context: {}, nodes: [a] }, { nodeId: null }];
const acquire: Row = ["ACQUIRE_NODE", { lease_id: "l1", lease_owner: "ann" }];
const complete: Row = ["COMPLETE_NODE", { result: {} }];
const lock = { lease_id: "l1", owner: "ann", provider: null, metadata: {}, locks: [{ resource_key: "k" }] };
const acquireLock: Row = ["ACQUIRE_RESOURCE_LOCK", lock];
const acquireShared = (lease_id: string, more = {}): Row => [
  "ACQUIRE_RESOURCE_LOCK",
  { ...lock, lease_id, locks: [{ resource_key: "k", mode: "shared", ...more }] },
];
const end = { lease_id: "l1", owner: "ann", locks: [{ resource_key: "k" }] };
const release: Row = ["RELEASE_RESOURCE_LOCK", end];
const expire: Row = ["EXPIRE_RESOURCE_LOCK", end];
const takeOver: Row = [
  "TAKE_OVER_RESOURCE_LOCK",
  { ...lock, lease_id: "l2", owner: "bob", from: [{ lease_id: "l1", owner: "ann" }] },
];
const two = [{ resource_key: "k" }, { resource_key: "k", scope: "s", mode: "shared", ignore_case: true }];
const acquireTwo: Row = ["ACQUIRE_RESOURCE_LOCK", { ...lock, locks: two }];
const heldIn = ({ locks }: Replay) => [...locks.all.values()];

describe("the lock after", () => {
  const about = { provider: null, taskId: "task", nodeId: "a", metadata: "{}", endsWithNode: false };
  const key = { resourceKey: "k", scope: "", mode: "exclusive", ignoreCase: false };
  const held = { owner: "ann", leaseId: "l1", ...about, ...key };
  test.each<[string, Row[], object | undefined]>([
    ["an acquire", [acquireLock], { ...held, acquiredAtMs: 10, fencingToken: 1 }],
    [
      "a take-over",
      [acquireLock, expire, takeOver],
      { ...held, owner: "bob", leaseId: "l2", acquiredAtMs: 30, fencingToken: 3 },
    ],
    ["a release", [acquireLock, release], undefined],
    ["an expiry", [acquireLock, expire], undefined],
    ["a forced release", [acquireLock, ["FORCE_RELEASE_RESOURCE_LOCK", { ...end, reason: "hangs" }]], undefined],
    [
      "a release of the other of two",
      [acquireTwo, release],
      { ...held, scope: "s", mode: "shared", ignoreCase: true, acquiredAtMs: 10, fencingToken: 1 },
    ],
    ["a second grant to its lease", [acquireShared("l1"), acquireLock], { ...held, acquiredAtMs: 10, fencingToken: 2 }],
  ])("%s", (_, rows, expected) => {
    const found = heldIn(replayed(...rows)).map(({ place: _place, ...its }) => its);
    expect(found).toEqual(expected === undefined ? [] : [expected as never]);
  });
});

test("a lock that was adopted has its own time", () => {
  const { locks } = replayed(["ADOPT_RESOURCE_LOCK", { ...lock, acquired_at_ms: 3 }]);
  expect([...locks.all.values()]).toMatchObject([{ owner: "ann", acquiredAtMs: 3, fencingToken: 1 }]);
});

describe("a row that no daemon can have written is named", () => {
  test.each<[string, Row[], RegExp]>([
    [
      "a lock given while it was held",
      [acquireLock, [takeOver[0], { ...lock, lease_id: "l2", from: [] }]],
      /l1 held it/,
    ],
    ["a lock given while it was shared", [acquireShared("l2"), acquireLock], /lease l2 held it already/],
    ["a lock shared while it was held", [acquireLock, acquireShared("l2")], /lease l1 held it already/],
    ["a lock taken over from a lease that was not over", [acquireLock, takeOver], /lease l1 was not over/],
    ["a lease that expired for one of its locks only", [acquireTwo, expire], /lease l1 still held others/],
    [
      "a node that runs without the lock it needs",
      [["REGISTER_TASK", { goal: "g", context: null, nodes: [{ ...a, resources: [{ resource_key: "k" }] }] }], acquire],
      /lease l1 does not hold k/,
    ],
    ["a node that ends before its locks", [register, acquire, acquireLock, complete], /lease l1 still held locks/],
    ["a lock released twice", [acquireLock, release, release], /lease l1 did not hold it/],
    ["a lock released by another lease", [acquireLock, expire, takeOver, release], /lease l1 did not hold it/],
  ])("%s", (_, rows, message) => {
    const replay = replayed(...rows.slice(0, -1));
    const last = rows.at(-1);
    if (last === undefined) throw new Error("a case needs a row");
    const apply = () => replay.apply(rowAt(rows.length, last));
    expect(apply).toThrow(message);
    expect(apply).toThrow(ImpossibleRow);
  });
});
