import { describe, expect, spyOn, test } from "bun:test";
import { present } from "../../src/protocol/present.ts";
import type { NodeEntry, TaskEntry } from "../../src/store/heads/entries.ts";
import type { LockEntry } from "../../src/store/heads/held-locks.ts";
import { Heads } from "../../src/store/heads/heads.ts";
import { openBackup } from "../../src/store/sqlite-store.ts";
import { verifyStore } from "../../src/service/verification/verify.ts";
import { acquire, registerTask, TestService } from "./harness.ts";

/** What verification does not find in a task, node or lock that is altered in memory, and why. */
const reasons: Readonly<Record<string, string>> = {
  "task.readyAt": "its place among others follows from its nodes, and whether those are ready is compared",
  "task.ready": "its nodes tell whether they stand there",
  "task.toSkip": "its nodes tell whether they stand there",
  "task.skippedInVain": "its nodes tell whether they stand there",
  "task.buckets": "its nodes tell whether they stand there",
  "node.task": "the task tells its nodes",
  "node.state.heldBackBy": "what keeps a node from being handed out is known in memory alone",
};

/** A service whose memory can be reached: a task with a node that is done, one that runs, a ready and a waiting one. */
class Memory extends TestService {
  readonly heads: Heads;
  readonly task: TaskEntry;

  constructor() {
    super({ replicates: false });
    using commits = spyOn(Heads.prototype, "commit");
    const client = this.client();
    const nodes = [
      { name: "done" },
      { name: "runs", labels: { os: "linux" } },
      { name: "ready" },
      { name: "waits", dependencies: ["done", "runs"] },
    ];
    const { task_id: taskId } = client.call("RegisterTask", { goal: "g", initial_nodes: nodes });
    client.call("CompleteNode", { ...acquire(client, taskId).claim, result_payload: 1 });
    acquire(client, taskId);
    client.call("AcquireResourceLock", { resource_key: "file:a", owner: "ann" });
    this.heads = present(commits.mock.contexts[0] as Heads | undefined, "the heads in memory");
    this.task = present(this.heads.task(taskId), "the task");
  }

  node(name: "done" | "runs" | "ready" | "waits"): NodeEntry {
    return present(this.task.nodes[["done", "runs", "ready", "waits"].indexOf(name)], "node", name);
  }

  get locks(): LockEntry[] {
    return [...this.heads.locks.all];
  }

  verify() {
    return this.client().call("VerifyJournal", {});
  }
}

/** Another value of the same kind. A place in a queue is no place, and no place is one. */
function other(value: unknown): unknown {
  if (typeof value === "number") return value < 1 ? -1 - value : value + 1;
  if (typeof value === "boolean") return !value;
  if (value === null || typeof value === "string") return `${value} altered`;
  if (Array.isArray(value)) return value.length > 0 ? value.slice(1) : value;
  return { ...(value as object), text: "altered" };
}

const copyOf = (entry: object): object => Object.fromEntries(Object.entries(entry));

/** Every field of these by its name, those of states, leases, policies and counts too, and what puts a value there. */
function fieldsOf(name: string, entry: object, put: (altered: object) => void): [string, alter: () => void][] {
  return Object.entries(entry).flatMap(([field, value]) => {
    const its = `${name}.${field}`;
    const isWhole = !["state", "lease", "policy", "counts"].includes(field) || value === null;
    const alter = (altered: unknown) => put({ ...entry, [field]: altered });
    return isWhole ? [[its, () => alter(other(value))]] : fieldsOf(its, value as object, alter);
  });
}

describe("VerifyJournal compares what is held in memory with the tables", () => {
  test("and finds nothing where nothing was altered", () => {
    using service = new Memory();
    expect(service.verify()).toMatchObject({ ok: true, memory_checked: true, first_difference: null });
  });

  test("and finds every field of a task, node or lock that is not as they say, or there is a reason", () => {
    using service = new Memory();
    const missed = new Set<string>();
    const named = new Set<string>();
    const entries = [
      ["task", service.task] as const,
      ...service.task.nodes.map((node) => ["node", node] as const),
      ...service.locks.map((lock) => ["lock", lock] as const),
    ];
    for (const [name, entry] of entries) {
      const before = copyOf(entry);
      for (const [field, alter] of fieldsOf(name, entry, (altered) => Object.assign(entry, altered))) {
        alter();
        const changed = !Bun.deepEquals(before, copyOf(entry));
        const { ok, first_difference: difference } = service.verify();
        Object.assign(entry, before);
        if (changed && ok) missed.add(field);
        if (!ok) named.add(field);
        if (!ok) expect(difference?.where).toEndWith(" in memory");
      }
    }
    expect([...missed].toSorted()).toEqual(Object.keys(reasons).toSorted());
    expect(named.size).toBeGreaterThan(25);
    expect(service.verify().ok).toBe(true);
  });

  test.each<[string, (heads: Heads, service: Memory) => unknown]>([
    ["a ready node that nobody is given", ({ ready }, service) => ready.remove(service.node("ready"))],
    ["a lease that never ends", ({ deadlines }, service) => deadlines.remove(service.node("runs"))],
    ["a running node that is not among them", ({ running }, service) => running.delete(service.node("runs"))],
    ["a node that is skipped for nothing", (_, service) => service.task.toSkip.put(service.node("waits"))],
    ["a task in which nothing is to follow", ({ unsettled }, { task }) => unsettled.add(task)],
    ["a node that is missing", (_, { task }) => task.nodes.pop()],
    ["a lock that is missing", ({ locks }, service) => service.locks.forEach((lock) => locks.remove(lock))],
    ["a task that is missing", (heads, { task }) => heads.remove(task)],
    ["a task that is nowhere else", (heads) => heads.addTask({ row: 9, id: "t", priority: 0, paused: false })],
  ])("and finds %s", (_, alter) => {
    using service = new Memory();
    alter(service.heads, service);
    const { ok, memory_checked: isChecked, first_difference: difference } = service.verify();
    expect([ok, isChecked]).toEqual([false, false]);
    expect(difference?.where).toMatch(/^(task|node|lock) \S+ in memory$/);
    expect(difference?.message).toMatch(/ in memory: \w+ is .*, the database says /);
  });

  test("in slices, while others work on", () => {
    using service = new Memory();
    const [verifying, writing] = [service.client(), service.client()];
    const tasks = [700, 3, 700, 700].map((nodes) => registerTask(writing, nodes));
    const last = present(service.heads.task(present(tasks.at(-1), "the last task").taskId), "the last task");
    for (const isSound of [true, false]) {
      if (!isSound) last.priority++;
      verifying.send("VerifyJournal", {});
      for (let slices = 0; verifying.answers.length === 0; slices++) {
        const { taskId } = present(tasks[slices % tasks.length], "a task");
        const { claim } = acquire(writing, taskId);
        if (slices % 2 === 0) writing.send("CompleteNode", { ...claim, result_payload: slices });
        writing.send("AddNodes", { task_id: taskId, nodes: [{ dependencies: [claim.node_id] }] });
        service.turn();
      }
      expect(verifying.read().result).toMatchObject({ ok: isSound, memory_checked: isSound });
    }
  });

  test("but not where a backup is looked at, of which nothing is in memory", () => {
    using service = new Memory();
    service.store.close();
    const store = openBackup(service.database);
    expect(verifyStore(store, [], service.clock.wallMs)).toMatchObject({ ok: true, memory_checked: false });
    store.close();
    service.restart();
  });
});
