import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { commitEvent } from "../../src/core/dag/node.ts";
import { isRefusal } from "../../src/core/decision.ts";
import { defaultPolicy } from "../../src/core/dag/node-policy.ts";
import { noPolicy } from "../../src/core/dag/task-policy.ts";
import { registerTask } from "../../src/core/dag/task.ts";
import type { OwnDaemon } from "../demo/daemon.ts";
import { openStore } from "../../src/store/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";

const rowsPerCommit = 10_000;
const tasks = 100;

/** Makes a home whose journal has `rows` rows of some 500 bytes, events of a hundred tasks. The database's size in bytes. */
export function fillJournal(home: string, rows: number): number {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const path = join(home, "agent_state.db");
  const store = openStore(path, Date.now);
  store.begin();
  const nodes = Array.from({ length: tasks }, () => registerOneNode(store));
  for (let row = tasks; row < rows; row++) {
    const node = nodes[row % tasks] ?? { taskId: "", nodeId: "" };
    const event = { id: crypto.randomUUID(), actionType: "progress", payload: { row, note: "x".repeat(200) } };
    const entry = commitEvent(store.reads.nodes.head(node.nodeId), { ...node, leaseId: null }, event, Date.now());
    if (isRefusal(entry)) throw new Error(entry.message);
    store.apply({ kind: "appendEvent", entry });
    if (row % rowsPerCommit !== 0) continue;
    store.commit();
    store.begin();
  }
  store.commit();
  store.close();
  return statSync(path).size;
}

/** Nodes of one task that {@link registerNodes} makes. */
const nodesOfTask = 5_000;

/** Registers tasks with so many nodes in all: chains of ten, so that one in ten is ready. */
export async function registerNodes({ client }: OwnDaemon, nodes: number): Promise<void> {
  for (let from = 0; from < nodes; from += nodesOfTask) {
    const initial_nodes = Array.from({ length: Math.min(nodesOfTask, nodes - from) }, (_, n) => ({
      name: `step-${n}`,
      labels: { os: "linux" },
      dependencies: n % 10 === 0 ? [] : [`step-${n - 1}`],
    }));
    await client.call("RegisterTask", { goal: "many nodes", initial_nodes });
  }
}

/** Cancels every task that is not over. */
export async function finishAll({ client }: OwnDaemon): Promise<void> {
  for (;;) {
    const { tasks: active } = await client.call("ListTasks", { state: "ACTIVE" });
    if (active.length === 0) return;
    for (const { id } of active) await client.call("CancelTask", { task_id: id, reason: "filled" });
  }
}

function registerOneNode(store: Store): { taskId: string; nodeId: string } {
  const plain = { name: null, labels: {}, priority: 0 };
  const task = {
    id: crypto.randomUUID(),
    goal: "fill",
    context: {},
    createdAtMs: Date.now(),
    paused: false,
    policy: noPolicy,
    ...plain,
  };
  const node = {
    id: crypto.randomUUID(),
    dependencies: [],
    payloadSchema: {},
    policy: defaultPolicy,
    resources: [],
    ...plain,
  };
  store.apply({ kind: "registerTask", task, nodes: [node], entry: registerTask(task, [node]) });
  return { taskId: task.id, nodeId: node.id };
}
