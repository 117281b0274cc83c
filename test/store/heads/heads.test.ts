import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Labels } from "../../../src/protocol/types.ts";
import { goesFirstOfAll, type NodeEntry, type NodeState, type TaskEntry } from "../../../src/store/heads/entries.ts";
import { Heap } from "../../../src/store/heads/heap.ts";
import { anyRequest, World } from "./world.ts";

/* What the queues in memory answer is what a look at every node tells, whatever was changed and undone before. */

const wishes: readonly Labels[] = [{}, { os: "linux" }, { gpu: "yes" }, { gpu: "yes", os: "linux" }, { os: "mac" }];

/** All that the queues answer. */
function answers({ heads, tasks }: World) {
  const id = (node: NodeEntry | undefined) => node?.state.id ?? null;
  const ids = (nodes: Iterable<NodeEntry>) => [...nodes].map((node) => node.state.id).toSorted();
  return {
    next: wishes.map((labels) => [null, ...tasks.values()].map((task) => id(heads.ready.next(task, labels)))),
    open: [...tasks.values()].map((task) => task.open),
    counts: [...tasks.values()].map((task) => ({ ...task.counts })),
    running: ids(heads.running),
    toSkip: [...tasks.values()].map(({ toSkip }): [number, string | null] => [toSkip.size, id(toSkip.first)]),
    inVain: [...tasks.values()].map(({ skippedInVain }): [number, string | null] => [
      skippedInVain.size,
      id(skippedInVain.first),
    ]),
    unsettled: [...heads.unsettled].map((task) => task.id).toSorted(),
    expired: [heads.deadlines.due(500, 2), heads.deadlines.expired(500, () => true)].map((some) =>
      some.map((node) => node.state.id),
    ),
    countExpired: heads.deadlines.countExpired(500),
    nextMs: [heads.deadlines.nextLeaseMs, heads.deadlines.nextDelayMs],
    delayed: ids(heads.deadlines.delayed),
    heldBack: [0, 1, 2, 3, 4].map((lease) => ids(heads.heldBackBy(`lease ${lease}`))),
  };
}

/** The same, found by looking at every node. */
function expected({ tasks, nodes }: World): ReturnType<typeof answers> {
  const all = [...nodes.values()].map(({ entry }) => entry);
  const of = (task: TaskEntry) => all.filter((node) => node.task === task);
  const where = (holds: (state: NodeState) => boolean) =>
    all
      .filter(({ state }) => holds(state))
      .map(({ state }) => state.id)
      .toSorted();
  const standing = (entry: NodeEntry) => {
    const { policy } = entry.state;
    const others = [...new Set(nodes.get(entry.state.id)?.dependencies)].map((id) => nodes.get(id)?.entry.state.status);
    const failing = others.filter((status) => status === "FAILED").length;
    const over =
      others.filter((status) => status === "COMPLETED").length + (policy.onDependencyFailure === "run" ? failing : 0);
    return { waitingOn: others.length - over, failingOn: failing };
  };
  for (const entry of all) expect(entry.state).toMatchObject(standing(entry));
  const isReady = ({ state, task }: NodeEntry) =>
    state.status === "PENDING" &&
    state.waitingOn === 0 &&
    state.notBeforeMs === null &&
    state.heldBackBy === null &&
    !task.paused &&
    !of(task).some(isInVain);
  const isToSkip = ({ state }: NodeEntry) =>
    state.status === "PENDING" && state.failingOn > 0 && state.policy.onDependencyFailure === "skip";
  const isInVain = ({ state }: NodeEntry) => state.failure === "skipped" && state.failingOn === 0;
  const firstOf = (some: NodeEntry[]): [number, string | null] => [
    some.length,
    some.toSorted((a, b) => a.row - b.row)[0]?.state.id ?? null,
  ];
  const has = (node: NodeEntry, wish: Labels) =>
    Object.entries(wish).every(([name, value]) => node.labels.labels[name] === value);
  const first = (some: NodeEntry[]) => some.toSorted((a, b) => (goesFirstOfAll(a, b) ? -1 : 1))[0]?.state.id ?? null;
  const due = all.filter(({ state }) => state.lease !== null && state.lease.expiresAtMs <= 500);
  const endMs = ({ state }: NodeEntry) => state.lease?.expiresAtMs ?? 0;
  const byEnd = due.toSorted((a, b) => endMs(a) - endMs(b) || a.row - b.row);
  const over = byEnd.filter(({ state }) => state.lease?.ttlMs !== 0);
  const withoutLength = byEnd.filter(({ state }) => state.lease?.ttlMs === 0);
  const earliest = (times: number[]) => (times.length === 0 ? null : Math.min(...times));
  const leases = all.flatMap(({ state }) =>
    state.lease === null || state.lease.ttlMs === 0 ? [] : [state.lease.expiresAtMs],
  );
  const delays = all.flatMap(({ state }) => (state.status === "RUNNING" ? [] : (state.notBeforeMs ?? [])));
  return {
    next: wishes.map((wish) =>
      [null, ...tasks.values()].map((task) =>
        first(all.filter((node) => isReady(node) && has(node, wish) && (task === null || node.task === task))),
      ),
    ),
    open: [...tasks.values()].map(
      (task) => of(task).filter(({ state }) => state.status === "PENDING" && state.waitingOn === 0).length,
    ),
    counts: [...tasks.values()].map((task) => {
      const counts = { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 };
      for (const { state } of of(task)) counts[state.status]++;
      return counts;
    }),
    running: where(({ status }) => status === "RUNNING"),
    toSkip: [...tasks.values()].map((task) => firstOf(of(task).filter(isToSkip))),
    inVain: [...tasks.values()].map((task) => firstOf(of(task).filter(isInVain))),
    unsettled: [...tasks.values()]
      .filter((task) => of(task).some((node) => isToSkip(node) || isInVain(node)))
      .map((task) => task.id)
      .toSorted(),
    expired: [over.slice(0, 2), [...over, ...withoutLength]].map((some) => some.map(({ state }) => state.id)),
    countExpired: due.length,
    nextMs: [earliest(leases), earliest(delays)],
    delayed: where(({ status, notBeforeMs }) => status !== "RUNNING" && notBeforeMs !== null),
    heldBack: [0, 1, 2, 3, 4].map((lease) => where(({ heldBackBy }) => heldBackBy === `lease ${lease}`)),
  };
}

describe("heads in memory", () => {
  test("the queues are what the nodes' states make them, through changes, undoing and ends of tasks", () => {
    fc.assert(
      fc.property(fc.array(anyRequest, { maxLength: 40 }), (requests) => {
        const world = new World();
        for (const { steps, undone, commits } of requests) {
          const mark = world.heads.mark;
          const before = undone ? answers(world) : null;
          const dependencies = new Map(world.nodes);
          for (const its of steps) world.run(its);
          expect(answers(world)).toEqual(expected(world));
          if (before !== null) {
            world.heads.undoTo(mark);
            for (const [id, its] of dependencies) world.nodes.set(id, its);
            world.forgetGone();
            expect(answers(world)).toEqual(before);
          }
          if (commits) world.commit();
          expect(answers(world)).toEqual(expected(world));
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a heap tells the first, and all up to one, whatever was put, moved and taken out", () => {
    type Item = { at: number; value: number };
    const steps = fc.array(fc.tuple(fc.constantFrom("put", "move", "remove"), fc.nat(200), fc.nat(50)), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, (list) => {
        const heap = new Heap<"at", Item>("at", (a, b) => a.value < b.value);
        const items: Item[] = [];
        for (const [what, value, pick] of list) {
          const item = items[pick % Math.max(1, items.length)];
          if (what === "put" || item === undefined) {
            const added: Item = { at: -1, value };
            items.push(added);
            heap.put(added);
          } else if (what === "move") {
            item.value = value;
            heap.put(item);
          } else {
            heap.remove(item);
            items.splice(items.indexOf(item), 1);
          }
          expect(heap.size).toBe(items.length);
          expect(heap.first?.value).toBe(items.length === 0 ? undefined : Math.min(...items.map((its) => its.value)));
          const upTo = [...heap.upTo((its) => its.value <= 100)].map((its) => its.value).toSorted((a, b) => a - b);
          expect(heap.firstUpTo(3, (its) => its.value <= 100).map((its) => its.value)).toEqual(upTo.slice(0, 3));
          expect(upTo).toEqual(
            items
              .map((its) => its.value)
              .filter((its) => its <= 100)
              .toSorted((a, b) => a - b),
          );
        }
      }),
    );
  });
});
