import type { Client } from "../../src/client/client.ts";
import { oneNode } from "../../src/protocol/methods/nodes.ts";
import { Bystander } from "./bystander.ts";
import { RawClient } from "./raw-client.ts";
import { atMost, type Figure, millis, thousands } from "./report.ts";
import type { Stage } from "./stage.ts";
import { median } from "./statistics.ts";
import { request } from "./work.ts";

/** What a single request may take, and what it may delay others by: a turn's length. */
const wantedMs = 50;
/** Each on a task of its own. */
const rounds = 5;

/** One request that changes very many nodes: registers what it needs and gives what is to be measured. */
type Burst = (client: Client, nodes: number, raw: RawClient) => Promise<() => Promise<unknown>>;

interface Policy {
  on_dependency_failure?: "run" | "skip";
}

const bursts: Record<string, Burst> = {
  "RegisterTask, nodes:": async (_client, nodes, raw) => {
    const line = request("RegisterTask", { goal: "burst", initial_nodes: star(nodes - 1, {}) });
    return () => raw.ask(line);
  },
  "CompleteNode, dependents:": async (client, nodes) => {
    const first = await acquireFirst(client, nodes, {});
    return () => client.call("CompleteNode", { ...first, result_payload: null });
  },
  "FailNode, dependents to run:": async (client, nodes) => {
    const first = await acquireFirst(client, nodes, { on_dependency_failure: "run" });
    return () => client.call("FailNode", { ...first, error_payload: null });
  },
  "FailNode, dependents to skip:": async (client, nodes) => {
    const first = await acquireFirst(client, nodes, { on_dependency_failure: "skip" });
    return () => client.call("FailNode", { ...first, error_payload: null });
  },
  "CancelTask, nodes:": async (client, nodes) => {
    const task_id = await readyNodes(client, nodes);
    return () => client.call("CancelTask", { task_id, reason: "measured" });
  },
  "PauseTask, nodes:": async (client, nodes) => {
    const task_id = await readyNodes(client, nodes);
    return () => client.call("PauseTask", { task_id });
  },
  "SetPriority, nodes:": async (client, nodes) => {
    const task_id = await readyNodes(client, nodes);
    return () => client.call("SetPriority", { task_id, priority: 1 });
  },
};

/** How long single requests take that change very many nodes, and how long they keep another client waiting. */
export async function measureBursts(stage: Stage): Promise<Figure[]> {
  const { burstNodes } = stage.pace;
  await using daemon = await stage.daemon("bursts", { AGENTD_TASK_NODES_MAX: String(burstNodes + 1) });
  using raw = await RawClient.connect(daemon.socket);
  using bystander = await Bystander.join(daemon);
  const figures: Figure[] = [];
  for (const [name, prepare] of Object.entries(bursts)) {
    const took: number[] = [];
    const worst: number[] = [];
    const undisturbed: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const burst = await prepare(daemon.client, burstNodes, raw);
      await stage.settleDisk();
      undisturbed.push((await bystander.during(() => Bun.sleep(wantedMs))).worstMs);
      const { tookMs, worstMs } = await bystander.during(burst);
      took.push(tookMs);
      worst.push(worstMs);
    }
    figures.push({
      name: `${name} ${thousands(burstNodes)}; another client's CommitEvent`,
      value: `${millis(median(took))}; worst ${millis(Math.max(...worst))}`,
      beside: `worst ${millis(Math.max(...undisturbed))} undisturbed`,
      number: Math.max(median(took), median(worst)),
      wanted: atMost(wantedMs),
    });
  }
  return figures;
}

/** A task of nodes that wait for nothing. */
async function readyNodes(client: Client, nodes: number): Promise<string> {
  const initial_nodes = Array.from({ length: nodes }, () => ({}));
  return (await client.call("RegisterTask", { goal: "burst", initial_nodes })).task_id;
}

/** A node, and so many that wait for it. */
function star(dependents: number, policy: Policy) {
  const dependent = { dependencies: ["first"], ...policy };
  return [{ name: "first" }, ...Array.from({ length: dependents }, () => dependent)];
}

/** The lease of a node that so many others wait for. */
async function acquireFirst(client: Client, dependents: number, policy: Policy) {
  const initial_nodes = star(dependents, policy);
  const { task_id } = await client.call("RegisterTask", { goal: "burst", initial_nodes });
  const first = oneNode(await client.call("AcquireNextNode", { task_id }));
  if (first === null) throw new Error(`task ${task_id} has no runnable node`);
  return { task_id, node_id: first.node_id, lease_id: first.lease_id };
}
