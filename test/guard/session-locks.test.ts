import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client } from "../../src/client/client.ts";
import type { Caller } from "../../src/cli/guard/check.ts";
import { lockForSession, type SessionOwner } from "../../src/cli/guard/session-locks.ts";
import { heldText } from "../../src/cli/guard/verdict.ts";
import { oneNode } from "../../src/protocol/methods/nodes.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { rejectionOf } from "../support/rejection.ts";

let daemon: TestDaemon;
beforeAll(async () => void (daemon = await startDaemon()));
afterAll(() => daemon[Symbol.asyncDispose]());

let scopes = 0;
/** A scope nobody else has. */
const newScope = () => `/scope/${++scopes}`;

const session = (name: string): SessionOwner => ({ owner: `codex:${name}`, provider: "codex", intent: "edit it" });

function lock(caller: Caller, scope: string, name: string, ...paths: string[]) {
  const identity = { owners: new Set([`codex:${name}`]), leases: new Set<string>(), node: undefined, label: undefined };
  return lockForSession(caller, [{ scope, top: null, paths }], session(name), identity);
}

/** The daemon, for one to whom something comes between when locks that were free are to be taken. */
function interrupted(between: () => Promise<unknown>): Caller {
  let done = false;
  return {
    async call(method, params) {
      if (method === "AcquireResourceLocks" && !done) {
        done = true;
        await between();
      }
      return daemon.client.call(method, params);
    },
  };
}

test("an agent's session that works on a node locks under the node's lease, and loses it with the node", async () => {
  const { client } = daemon;
  const scope = newScope();
  const { task_id } = await client.call("RegisterTask", { goal: "g", initial_nodes: [{}] });
  const node = oneNode(await client.call("AcquireNextNode", { task_id, lease_owner: "run-1" }));
  if (node === null) throw new Error("there is nothing to take");
  const claim = { task_id, node_id: node.node_id, lease_id: node.lease_id };
  const identity = { owners: new Set(["codex:n"]), leases: new Set([node.lease_id]), node: claim, label: undefined };
  const edit = () => lockForSession(client, [{ scope, top: null, paths: ["a"] }], session("n"), identity);
  expect(await edit()).toEqual([]);
  expect((await client.call("ListResourceLocks", { scope })).locks).toMatchObject([
    { lease_id: node.lease_id, owner: "run-1", provider: "codex", ends_with_node: true },
  ]);
  expect(await edit()).toEqual([]);
  await client.call("CompleteNode", { ...claim, result_payload: 1 });
  expect((await client.call("ListResourceLocks", { scope })).locks).toEqual([]);
  expect((await rejectionOf(edit())).message).toContain("it is not current: it was released");
});

describe("between finding locks free and taking them", () => {
  test("another session may have come: then its lock is in the way", async () => {
    const scope = newScope();
    const caller = interrupted(() => lock(daemon.client, scope, "two", "b"));
    const held = await lock(caller, scope, "one", "a", "b");
    expect(held.map(({ path, holders }) => [path, holders.map(({ owner }) => owner)])).toEqual([["b", ["codex:two"]]]);
  });

  test("the same session may have come: then the rest is taken", async () => {
    const scope = newScope();
    const caller = interrupted(() => lock(daemon.client, scope, "three", "b"));
    expect(await lock(caller, scope, "three", "a", "b")).toEqual([]);
    const { locks } = await daemon.client.call("ListResourceLocks", { scope });
    expect(locks.map(({ resource_key, owner }) => [resource_key, owner])).toEqual([
      ["file:a", "codex:three"],
      ["file:b", "codex:three"],
    ]);
  });

  test("it may have taken all of it: then nothing is left to take", async () => {
    const scope = newScope();
    const caller = interrupted(() => lock(daemon.client, scope, "four", "a"));
    expect(await lock(caller, scope, "four", "a")).toEqual([]);
  });
});

test("who is in line for what is free goes first, and is named", async () => {
  const scope = newScope();
  const first = await daemon.client.call("AcquireResourceLocks", {
    locks: [{ resource_key: "file:b" }],
    owner: "holder",
    scope,
  });
  using waiter = await Client.connect(daemon.socket);
  const locks = [{ resource_key: "file:a" }, { resource_key: "file:b" }];
  const waiting = waiter.call("AcquireResourceLocks", { locks, owner: "waiter", scope, wait_ms: 60_000 });
  const inLine = async () =>
    (await daemon.client.call("CheckResourceLocks", { paths: ["a"], scope })).locks[0]?.waiting;
  while ((await inLine())?.length === 0) await Bun.sleep(1);
  const held = await lock(daemon.client, scope, "five", "a");
  expect(heldText(held, 0)).toBe('  a\n    is free, but "waiter" queues for it');
  await daemon.client.call("ReleaseResourceLock", { lease_id: first?.lease_id ?? "" });
  expect(await waiting).not.toBeNull();
});

describe("a refusal in words", () => {
  const holder = {
    resource_key: "file:a",
    scope: null,
    mode: "exclusive" as const,
    lease_id: "l",
    owner: "x\u202e\n",
    provider: "p",
    task_id: null,
    node_id: null,
    intent: "w\u0007hy",
    acquired_at: 0,
    lease_expires_at: 60,
    lease_expires_at_ms: 60_000,
    fencing_token: 1,
    own: false,
  };
  test("holds nothing that steers a terminal, and no path runs over a line", () => {
    const text = heldText([{ path: "a\u001b[2J\n\u202eb", holders: [holder], waiting: [] }], 0);
    expect(text.split("\n")).toHaveLength(2);
    expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
    expect(text).toContain(`  "a${String.raw`\u001b[2J\n`}\ufffdb"`);
  });

  test("names some of many holders, and counts the rest", () => {
    const text = heldText([{ path: "a", holders: Array.from({ length: 5 }, () => holder), waiting: [] }], 0);
    expect(text.split("\n")).toHaveLength(5);
    expect(text).toEndWith("    and 2 more holders");
  });

  test("says when what was in the way is gone", () => {
    expect(heldText([{ path: "a", holders: [], waiting: [] }], 0)).toContain("try again");
  });
});
