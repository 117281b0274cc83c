import type { Client } from "../../src/client/client.ts";
import { oneNode } from "../../src/protocol/methods/nodes.ts";
import type { OwnDaemon } from "../demo/daemon.ts";
import { generate } from "./programs.ts";
import { atMost, type Figure, micros, thousands } from "./report.ts";
import type { Stage } from "./stage.ts";
import { median } from "./statistics.ts";

const fewNodes = 100;
const nodesOfEachTask = 10;
/** Nodes registered last that alone have the label looked for. */
const labelled = 10;
/** Nodes one request adds. */
const lot = 10_000;
/** Acquires measured of each wish at each daemon, or as many as there is time for. */
const rounds = 200;
const roundsMs = 3_000;

const rare = { runner: "gpu" };
/** Half of the other nodes have the one, half the other. */
const common = [{ os: "linux" }, { size: "large" }];

/** What is asked for: of the task with the labelled nodes, or of any. */
const wishes: Record<string, (task_id: string) => { task_id?: string; labels?: Record<string, string> }> = {
  "of a task": (task_id) => ({ task_id }),
  "of any task": () => ({}),
  "of a task, by label": (task_id) => ({ task_id, labels: rare }),
  "of any task, by label": () => ({ labels: rare }),
  "by two labels no node has both of": () => ({ labels: Object.assign({}, ...common) as Record<string, string> }),
};

interface Crowd {
  client: Client;
  /** The task with the labelled nodes. */
  task: string;
}

/** Whether acquiring gets slower with the number of nodes that are ready, or of tasks they are in. */
export async function measureScale(stage: Stage): Promise<Figure[]> {
  const { manyNodes, manyTasks } = stage.pace;
  // A context without events, so that the search is most of what is measured.
  const settings = { AGENTD_TASK_NODES_MAX: String(manyNodes), AGENTD_CONTEXT_EVENT_LIMIT: "0" };
  await using fewDaemon = await stage.daemon("few", settings);
  await using nodesDaemon = await stage.daemon("many-nodes", settings);
  await using tasksDaemon = await stage.daemon("many-tasks", settings);
  await registerTasks(tasksDaemon, manyTasks);
  const few = await crowd(fewDaemon, fewNodes);
  const nodes = await crowd(nodesDaemon, manyNodes);
  const tasks = await crowd(tasksDaemon, fewNodes);
  await stage.settleDisk();
  const figures: Figure[] = [];
  for (const [name, wish] of Object.entries(wishes)) {
    const found = await timeAcquires({ few, nodes, tasks }, wish);
    const beside = found.few;
    figures.push(
      compare(`acquire ${name}, ${thousands(manyNodes)} ready nodes beside ${fewNodes}`, found.nodes, beside),
      compare(`acquire ${name}, ${thousands(manyTasks)} tasks beside 1`, found.tasks, beside),
    );
  }
  return figures;
}

function compare(name: string, manyUs: number, fewUs: number): Figure {
  const shown = { value: `p50 ${micros(manyUs)}`, beside: `p50 ${micros(fewUs)}` };
  return { name, ...shown, number: manyUs, ratio: manyUs / fewUs, wanted: atMost(1.3) };
}

/** Tasks of a few nodes each. */
async function registerTasks({ socket }: OwnDaemon, tasks: number): Promise<void> {
  const initial_nodes = Array.from({ length: nodesOfEachTask }, plainNode);
  const line = `${JSON.stringify({ id: 1, method: "RegisterTask", params: { goal: "one of many", initial_nodes } })}\n`;
  const until = { warmUpMs: 0, measureMs: 120_000, operationsMax: tasks };
  await generate({ socket, clients: 16, ...until, work: { kind: "repeat", line } });
}

const plainNode = (_: unknown, n: number) => ({ labels: common[n % common.length] ?? {} });

/** One task with so many nodes that are all ready; the last of them have the rare label. */
async function crowd({ client }: OwnDaemon, nodes: number): Promise<Crowd> {
  const { task_id } = await client.call("RegisterTask", { goal: "many" });
  const all = Array.from({ length: nodes }, (_, n) => (n < nodes - labelled ? plainNode(_, n) : { labels: rare }));
  for (let from = 0; from < nodes; from += lot) {
    await client.call("AddNodes", { task_id, nodes: all.slice(from, from + lot) });
  }
  return { client, task: task_id };
}

/** Median microseconds of an acquire at each daemon, in turns. Each node is given back, so that none runs out. */
async function timeAcquires<Kind extends string>(
  crowds: Record<Kind, Crowd>,
  wish: (typeof wishes)[string],
): Promise<Record<Kind, number>> {
  const entries = Object.entries(crowds) as [Kind, Crowd][];
  const found = new Map<Kind, number[]>(entries.map(([kind]) => [kind, []]));
  const endMs = performance.now() + roundsMs;
  for (let round = 0; round < rounds && performance.now() < endMs; round++) {
    for (const [kind, { client, task }] of entries) found.get(kind)?.push(await timeAcquire(client, wish(task)));
  }
  return Object.fromEntries(entries.map(([kind]) => [kind, median(found.get(kind) ?? [])])) as Record<Kind, number>;
}

async function timeAcquire(client: Client, wish: ReturnType<(typeof wishes)[string]>): Promise<number> {
  const startedAt = performance.now();
  const acquired = oneNode(await client.call("AcquireNextNode", wish));
  const us = (performance.now() - startedAt) * 1000;
  if (acquired !== null) {
    const { task_id, node_id, lease_id } = acquired;
    await client.call("ReleaseNode", { task_id, node_id, lease_id });
  }
  return us;
}
