import type { Client } from "../../src/client/client.ts";
import type { CostlyRequest } from "./stalls.ts";

const many = 10_000;
const nodes = (count: number) => Array.from({ length: count }, () => ({ id: crypto.randomUUID() }));

/** Each of 250 nodes waits for each of 200 others. */
const dense = () => {
  const first = Array.from({ length: 200 }, (_, n) => ({ name: `n${n}` }));
  const dependencies = first.map(({ name }) => name);
  return [...first, ...Array.from({ length: 149 }, () => ({ dependencies }))];
};

async function register(client: Client, initial_nodes: object[]): Promise<{ task_id: string }> {
  const { task_id } = await client.call("RegisterTask", { goal: "g", initial_nodes });
  return { task_id };
}

/** A task whose nodes all run, each with a lock of its own. */
async function running(client: Client): Promise<{ task_id: string }> {
  const task = await register(
    client,
    Array.from({ length: many }, (_, n) => ({ resources: [{ resource_key: `file:src/${n}` }] })),
  );
  for (let taken = 0; taken < many; taken += 100) await client.call("AcquireNextNode", { ...task, count: 100 });
  return task;
}

/** Requests about all nodes of large tasks. */
export const costlyTasks: readonly CostlyRequest[] = [
  {
    name: "10,000 nodes",
    prepare: async () => undefined,
    method: "RegisterTask",
    params: () => ({ goal: "g", initial_nodes: nodes(many) }),
  },
  {
    name: "30,000 dependencies",
    prepare: async () => undefined,
    method: "RegisterTask",
    params: () => ({ goal: "g", initial_nodes: dense() }),
  },
  {
    name: "10,000 nodes",
    prepare: (client) => register(client, nodes(many)),
    method: "CancelTask",
    params: (task) => ({ ...task, reason: "bench" }),
  },
  {
    name: "10,000 nodes that run and hold locks",
    prepare: running,
    method: "CancelTask",
    params: (task) => ({ ...task, reason: "bench" }),
  },
  {
    name: "10,000 nodes",
    prepare: (client) => register(client, nodes(many)),
    method: "SetPriority",
    params: (task) => ({ ...task, priority: 7 }),
  },
  {
    name: "10,000 nodes",
    prepare: (client) => register(client, nodes(many)),
    method: "TaskStatus",
    params: (task) => ({ ...task, attempts: true }),
  },
  {
    name: "10,000 locks",
    prepare: running,
    method: "ListResourceLocks",
    params: () => ({}),
  },
  {
    name: "10 nodes before 3,000",
    async prepare(client) {
      const initial_nodes = nodes(3_000);
      return { ...(await register(client, initial_nodes)), expand_before: initial_nodes.map(({ id }) => id) };
    },
    method: "AddNodes",
    params: (task) => ({ ...task, nodes: nodes(10) }),
  },
  {
    name: "five tasks of 10,000 nodes",
    async prepare(client) {
      for (let n = 0; n < 5; n++) await register(client, nodes(many));
    },
    method: "VerifyJournal",
    params: () => ({}),
  },
  {
    name: "five canceled tasks of 10,000 nodes",
    async prepare(client) {
      for (let n = 0; n < 5; n++) {
        const task = await register(client, nodes(many));
        await client.call("CancelTask", { ...task, reason: "bench" });
      }
    },
    method: "PruneJournal",
    params: () => ({ older_than_secs: 0 }),
  },
];
