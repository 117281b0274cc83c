import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Result } from "../../src/protocol/methods.ts";
import { guarded } from "../guard/guarded.ts";
import { program } from "../support/daemon.ts";
import { type Workshop, workshop } from "./worker.ts";

let shop: Workshop;
beforeAll(async () => void (shop = await workshop()));
afterAll(() => shop[Symbol.asyncDispose]());

const agentd = program.map((word) => `'${word}'`).join(" ");
const locks = async () => (await shop.daemon.client.call("ListResourceLocks", {})).locks;
const left = async (name: string) => (await Bun.file(join(shop.directory, name)).text()).trim();

describe("two nodes that are worked on at once", () => {
  test.each([[["--owner", "ann"]], [[]]])("have an owner each: %p", async (owner) => {
    const task = await shop.task({ a: [], b: [] });
    const ran = await shop.work(task, ["--all", "--parallel", "2", ...owner], "true").ended;
    expect(ran.exit).toBe(0);
    const { events } = await shop.daemon.client.call("ListEvents", { task_id: task, action_types: ["ACQUIRE_NODE"] });
    const owners = events.map(({ payload }) => (payload as { lease_owner: string }).lease_owner);
    expect(new Set(owners).size).toBe(2);
    for (const name of owners) expect(name).toStartWith(owner[1] ?? "run-");
  });

  test("do not pass the guard over each other's lock", async () => {
    await using world = await guarded(shop.daemon);
    const task = await shop.task({ a: [], b: [] });
    // Whoever makes the directory has the lock; the other commits what it is on.
    const script = `cd '${world.top}' || exit 9
      if mkdir ../first 2>/dev/null; then
        ${agentd} lock acquire file:first.txt && touch ../locked
        while [ ! -e ../refused ]; do sleep 0.01; done
      else
        while [ ! -e ../locked ]; do sleep 0.01; done
        echo changed >> first.txt
        git -c user.name=a -c user.email=a@b commit -qam next 2> ../refused.new; echo $? >> ../refused.new
        mv ../refused.new ../refused
      fi`;
    expect((await shop.work(task, ["--all", "--parallel", "2", "--owner", "ann"], script).ended).exit).toBe(0);
    const refused = await Bun.file(join(world.path, "refused")).text();
    expect(refused).toMatch(/first\.txt\n\s+held by "ann-[12]"/);
    expect(refused.trim()).toEndWith("1");
  });
});

describe("what a node's command locks", () => {
  const acquire = (...more: string[]) => `${agentd} lock acquire file:x ${more.join(" ")} --json > taken`;

  test("is held under the node's lease, and ends with it", async () => {
    const task = await shop.task();
    const look = `${agentd} lock list --json > listed`;
    const { finished } = await shop.work(task, [], `${acquire()} && ${look}`).ended;
    expect(finished).toMatchObject([{ outcome: "COMPLETED" }]);
    const { locks: held } = JSON.parse(await left("listed")) as Result<"ListResourceLocks">;
    expect(held).toMatchObject([
      { lease_id: finished[0]?.lease_id, node_id: finished[0]?.node_id, task_id: task, ends_with_node: true },
    ]);
    expect(await locks()).toEqual([]);
  });

  test.each([[["--own-lease"]], [["--owner", "somebody-else"]]])("is not where it says so: %p", async (more) => {
    const { finished } = await shop.work(await shop.task(), [], acquire(...more)).ended;
    const [lock] = await locks();
    expect(lock).toMatchObject({ ends_with_node: false });
    expect(lock?.lease_id).not.toBe(String(finished[0]?.lease_id));
    await shop.daemon.client.call("ReleaseResourceLock", { lease_id: lock?.lease_id ?? "" });
  });

  test("lasts as long as that lease, whatever time is asked for, which is said", async () => {
    const script = `${agentd} lock acquire file:x --ttl 1h 2> said`;
    expect((await shop.work(await shop.task(), [], script).ended).finished).toMatchObject([{ outcome: "COMPLETED" }]);
    expect(await left("said")).toContain("these locks last as long as the node's lease");
    expect(await locks()).toEqual([]);
  });

  test("is released by its key", async () => {
    const script = `${acquire()} && ${agentd} lock release file:x && ${agentd} lock list --json > listed`;
    await shop.work(await shop.task(), [], script).ended;
    expect(JSON.parse(await left("listed"))).toEqual({ locks: [] });
  });

  test("with lock run says which node it is for", async () => {
    const script = `${agentd} lock run name:x -- ${agentd} lock list --json > listed`;
    const { finished } = await shop.work(await shop.task(), [], script).ended;
    const { locks: held } = JSON.parse(await left("listed")) as Result<"ListResourceLocks">;
    expect(held).toMatchObject([{ resource_key: "name:x", node_id: finished[0]?.node_id }]);
    expect(await locks()).toEqual([]);
  });
});
