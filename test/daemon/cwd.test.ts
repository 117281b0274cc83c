import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "../../src/client/client.ts";
import { type Directory, temporaryRepository } from "../guard/world.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { rejectionOf } from "../support/rejection.ts";

let daemon: TestDaemon;
let client: Client;
let world: Directory;
let top: string;
let scope: string;

beforeAll(async () => {
  daemon = await startDaemon();
  ({ client } = daemon);
  world = await temporaryRepository();
  top = join(world.path, "repository");
  scope = join(top, ".git");
  await world.write("repository/src/lib.rs", "");
  await symlink("src", join(top, "link"));
});
afterEach(async () => {
  for (const lease_id of new Set((await client.call("ListResourceLocks", {})).locks.map((lock) => lock.lease_id))) {
    await client.call("ReleaseResourceLock", { lease_id });
  }
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const held = async () =>
  (await client.call("ListResourceLocks", {})).locks.map(({ resource_key, scope: of }) => ({
    resource_key,
    scope: of,
  }));

describe("a key beside cwd is what the command line makes of it", () => {
  test.each([
    ["lib.rs", "repository/src"],
    ["file:lib.rs", "repository/src"],
    ["link/lib.rs", "repository"],
    ["src", "repository"],
    ["glob:*.rs", "repository/link"],
    ["name:deploy", "repository/src"],
    ["repository/src/lib.rs", "."],
    ["plain", "."],
    ["dir:plain", "."],
    ["name:deploy", "."],
  ])("%s in %s", async (word, directory) => {
    const cwd = join(world.path, directory);
    await daemon.agentd(["lock", "acquire", word], { cwd });
    const [{ resource_key, scope: of } = { resource_key: "", scope: null }] = await held();
    const checked = await client.call("CheckResourceLocks", { locks: [{ resource_key: word }], cwd });
    expect(checked.locks).toMatchObject([{ resource_key, scope: of, free: false }]);
    const released = await client.call("ForceReleaseResourceLock", { resource_key: word, cwd, reason: "r" });
    expect(released.released).toHaveLength(1);

    const one = await client.call("AcquireResourceLock", { resource_key: word, cwd });
    expect(one).toMatchObject({ resource_key, scope: of });
    const claim = { resource_key: word, cwd, lease_id: one?.lease_id ?? "" };
    await client.call("HeartbeatResourceLock", claim);
    await client.call("ReleaseResourceLock", claim);

    const several = await client.call("AcquireResourceLocks", { locks: [{ resource_key: word }], cwd });
    expect(several?.locks).toEqual([{ resource_key, mode: "exclusive", scope: of }]);
    expect(await held()).toEqual([{ resource_key, scope: of }]);
  });

  test("paths are paths, whatever stands in them, and directories what is in them", async () => {
    const { locks } = await client.call("CheckResourceLocks", { paths: ["a:b", "src", `${top}/x`], cwd: top });
    expect(locks.map((lock) => [lock.resource_key, lock.scope])).toEqual([
      ["file:a:b", scope],
      ["dir:src", scope],
      ["file:x", scope],
    ]);
  });

  test("one key may have a directory, or a scope, of its own", async () => {
    const locks = [
      { resource_key: "lib.rs" },
      { resource_key: "x", cwd: world.path },
      { resource_key: "file:y", scope: "elsewhere" },
    ];
    const taken = await client.call("AcquireResourceLocks", { locks, cwd: join(top, "src") });
    expect(taken?.locks).toMatchObject([
      { resource_key: "file:src/lib.rs", scope },
      { resource_key: `file:${world.path}/x`, scope: null },
      { resource_key: "file:y", scope: "elsewhere" },
    ]);
  });

  test("one key's directory outside of git says that it is of the global scope, whatever the request's is", async () => {
    const locks = [{ resource_key: "x", cwd: world.path }, { resource_key: "name:y" }];
    const placed = [
      { resource_key: `file:${world.path}/x`, scope: null },
      { resource_key: "name:y", scope: "elsewhere" },
    ];
    const taken = await client.call("AcquireResourceLocks", { locks, scope: "elsewhere" });
    expect(taken?.locks).toMatchObject(placed);
    expect(await held()).toEqual(placed);
    const checked = await client.call("CheckResourceLocks", { locks, scope: "elsewhere", top: "/top" });
    expect(checked.locks).toMatchObject(placed.map((lock) => ({ ...lock, free: false })));
  });

  test("a name released from outside of git is that of the global scope alone", async () => {
    const name = { resource_key: "name:y" };
    const taken = await client.call("AcquireResourceLocks", {
      locks: [
        { ...name, scope },
        { ...name, cwd: world.path },
      ],
    });
    await client.call("ReleaseResourceLock", { ...name, cwd: world.path, lease_id: taken?.lease_id ?? "" });
    expect(await held()).toEqual([{ ...name, scope }]);
  });

  test("a node's resources are, too", async () => {
    const resources = [{ resource_key: "lib.rs", cwd: join(top, "src") }];
    const { task_id } = await client.call("RegisterTask", { goal: "g", initial_nodes: [{ resources }] });
    await client.call("AddNodes", { task_id, nodes: [{ resources }] });
    const { nodes } = await client.call("TaskStatus", { task_id });
    const placed = [{ resource_key: "file:src/lib.rs", mode: "exclusive" as const, scope }];
    expect(nodes.map((node) => node.resources)).toEqual([placed, placed]);
  });

  test("and a task file's, registered from a subdirectory", async () => {
    const stdin = JSON.stringify({ goal: "g", nodes: [{ resources: ["lib.rs", "name:x"] }, { resources: [".."] }] });
    const { out } = await daemon.agentd(["task", "register", "-", "--json"], { cwd: join(top, "src"), stdin });
    const { task_id } = JSON.parse(out) as { task_id: string };
    const { nodes } = await client.call("TaskStatus", { task_id });
    expect(nodes.map((node) => node.resources.map((one) => [one.resource_key, one.scope]))).toEqual([
      [
        ["file:src/lib.rs", scope],
        ["name:x", scope],
      ],
      [["dir:.", scope]],
    ]);
  });

  test("an idempotency key remembers what was asked, not what it became", async () => {
    const params = { locks: [{ resource_key: "lib.rs" }], cwd: join(top, "src") };
    const ask = () => client.request("AcquireResourceLocks", params, { idempotencyKey: "once" });
    await ask();
    expect((await ask()).replayed).toBe(true);
  });
});

describe("what can guard nothing is refused on the wire, with what was meant", () => {
  test.each<[object, string]>([
    [{ resource_key: "File:x" }, "file:x"],
    [{ resource_key: "tool:x" }, "name:tool:x"],
    [{ resource_key: "file:src" }, "write dir:src"],
    [{ resource_key: "x", cwd: "/not/there" }, "is not there"],
    [{ resource_key: "x", cwd: "src" }, "an absolute path"],
    [{ resource_key: "x", scope: "s" }, "leave one out"],
  ])("%j", async (params, why) => {
    const refused = await rejectionOf(client.call("AcquireResourceLock", { cwd: top, ...params } as never));
    expect(refused).toMatchObject({ kind: "INVALID_PARAMS" });
    expect(refused.message).toContain(why);
  });

  test.each(["File:x", "src/lib.rs", "tool:x", ""])("%j in a scope that is named", async (resource_key) => {
    const refused = await rejectionOf(client.call("AcquireResourceLocks", { locks: [{ resource_key }], scope }));
    expect(refused).toMatchObject({ kind: "INVALID_PARAMS" });
  });

  test("but the global scope takes any text, as the original did", async () => {
    for (const resource_key of ["File:x", "src/lib.rs", "tool:x"]) {
      expect(await client.call("AcquireResourceLock", { resource_key })).not.toBeNull();
    }
  });
});

describe("a check in a repository", () => {
  const check = async () => (await client.call("CheckResourceLocks", { paths: ["src/lib.rs"], cwd: top })).locks[0];

  test.each(["file:TOP/src/lib.rs", "dir:TOP/src", "glob:TOP/**/*.rs"])(
    "sees a lock of the global scope on the same file: %s",
    async (key) => {
      await client.call("AcquireResourceLock", { resource_key: key.replace("TOP", top), owner: "original" });
      expect(await check()).toMatchObject({
        free: false,
        holders: [{ owner: "original", scope: null }],
        namesakes: [],
      });
      const ran = await daemon.agentd(["lock", "check", "lib.rs"], { cwd: join(top, "src") });
      expect(ran).toMatchObject({ exit: 3 });
      expect(ran.out).toContain('by "original"');
    },
  );

  test("tells of a relative one, which may be of the same file", async () => {
    await client.call("AcquireResourceLock", { resource_key: "file:src/lib.rs", owner: "original" });
    expect(await check()).toMatchObject({ free: true, holders: [], namesakes: [{ owner: "original", scope: null }] });
    const ran = await daemon.agentd(["lock", "check", "src/lib.rs"], { cwd: top });
    expect(ran).toMatchObject({ exit: 0 });
    expect(ran.out).toMatch(/is free\n {2}perhaps the same: by "original"/);
  });
});

test("requests keep their order behind one whose keys are looked up", async () => {
  const socket = await Bun.connect<{ text: string }>({
    unix: daemon.socket,
    data: undefined as never,
    socket: {
      open: (its) => void (its.data = { text: "" }),
      data: (its, chunk) => void (its.data.text += String(chunk)),
    },
  });
  const lines = [
    { id: 1, method: "AcquireResourceLock", params: { resource_key: "lib.rs", cwd: join(top, "src") } },
    { id: 2, method: "ListResourceLocks" },
    { id: 3, method: "AcquireResourceLock", params: { resource_key: "lib.rs", cwd: join(top, "src") } },
  ];
  socket.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  while (socket.data.text.split("\n").length <= lines.length) await Bun.sleep(1);
  const answers = socket.data.text.trimEnd().split("\n");
  socket.end();
  expect(answers.map((line): unknown => JSON.parse(line))).toMatchObject([
    { id: 1, result: { resource_key: "file:src/lib.rs" } },
    { id: 2, result: { locks: [{ resource_key: "file:src/lib.rs" }] } },
    { id: 3, result: null },
  ]);
});
