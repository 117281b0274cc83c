import { statSync } from "node:fs";
import type { OwnDaemon } from "../demo/daemon.ts";
import type { Client } from "../../src/client/client.ts";
import { fillJournal, finishAll, registerNodes } from "./fill.ts";
import { generate } from "./programs.ts";
import { atMost, type Figure, micros, thousands } from "./report.ts";
import type { Stage } from "./stage.ts";
import { measureStart } from "./starts.ts";
import { median } from "./statistics.ts";
import { commitEventLine, interleave, speed } from "./throughput.ts";
import { oneNode } from "../../src/protocol/methods/nodes.ts";

/** Acquires measured on each size of task. */
const acquires = 200;

const smallTaskNodes = 100;
const smallJournalRows = 1_000;
const startMsWanted = 30;

/** Whether acquiring gets slower with the task: on tasks of 100 and of 10,000 nodes, nine in ten of them done. */
export async function measureLargeTask(stage: Stage): Promise<Figure[]> {
  await using daemon = await stage.daemon("tasks");
  const { client } = daemon;
  const nodes = stage.pace.largeTaskNodes;
  const large = await taskMostlyDone(daemon, nodes);
  const small: string[] = [];
  while (small.length < acquires / (smallTaskNodes / 10)) small.push(await taskMostlyDone(daemon, smallTaskNodes));
  const found = { small: [] as number[], large: [] as number[] };
  for (let n = 0; n < acquires; n++) {
    found.small.push(await timeAcquire(client, small[n % small.length] ?? ""));
    found.large.push(await timeAcquire(client, large));
  }
  const [smallUs, largeUs] = [median(found.small), median(found.large)];
  return [
    {
      name: `AcquireNextNode, task of ${thousands(nodes)} nodes beside ${smallTaskNodes}, 90 % done`,
      value: `p50 ${micros(largeUs)}`,
      beside: `p50 ${micros(smallUs)}`,
      number: largeUs,
      ratio: largeUs / smallUs,
      wanted: atMost(1.3),
    },
  ];
}

/** A task of which nine in ten nodes are completed. Every second node depends on the one before it. */
async function taskMostlyDone({ client, socket }: OwnDaemon, nodes: number): Promise<string> {
  const ids = Array.from({ length: nodes }, () => crypto.randomUUID());
  const initial_nodes = ids.map((id, n) => ({ id, dependencies: n % 2 === 1 ? ids.slice(n - 1, n) : [] }));
  const { task_id } = await client.call("RegisterTask", { goal: "acquire", initial_nodes });
  const done = { warmUpMs: 0, measureMs: 60_000, operationsMax: nodes * 0.9 };
  await generate({ socket, clients: 1, ...done, work: { kind: "cycle", tasks: [task_id] } });
  return task_id;
}

/** Microseconds one acquire takes; its node is completed after that, so that those behind it come next. */
async function timeAcquire(client: Client, task_id: string): Promise<number> {
  const startedAt = performance.now();
  const acquired = oneNode(await client.call("AcquireNextNode", { task_id }));
  const us = (performance.now() - startedAt) * 1000;
  if (acquired === null) throw new Error(`task ${task_id} ran out of nodes`);
  const { node_id, lease_id } = acquired;
  await client.call("CompleteNode", { task_id, node_id, lease_id, result_payload: null });
  return us;
}

/** A start with much that is over, and nothing that is not. */
async function measureFinishedStart(stage: Stage, home: string): Promise<Figure> {
  {
    await using daemon = await stage.daemon(home);
    await registerNodes(daemon, stage.pace.manyNodes);
    await finishAll(daemon);
  }
  await stage.settleDisk();
  const bytes = statSync(stage.path(home, "agent_state.db")).size;
  const what = `${Math.round(bytes / 1e6)} MB of finished work`;
  return measureStart(stage, home, what, startMsWanted);
}

/** Whether a journal's length shows: in the speed of CommitEvent, and in the time a start takes. */
export async function measureLargeJournal(stage: Stage): Promise<Figure[]> {
  const rows = stage.pace.largeJournalRows;
  fillJournal(stage.path("large"), rows);
  fillJournal(stage.path("small"), smallJournalRows);
  const start = await measureFinishedStart(stage, "large");
  await using small = await stage.daemon("small");
  await using large = await stage.daemon("large");
  const of = async ({ client, socket }: OwnDaemon, clients: number) => {
    const line = await commitEventLine(client);
    const { warmUpMs, measureMs } = stage.pace;
    return () => generate({ socket, clients, warmUpMs, measureMs, work: { kind: "repeat", line } });
  };
  const figures: Figure[] = [];
  for (const clients of [1, 64]) {
    const kinds = { small: await of(small, clients), large: await of(large, clients) };
    const found = await interleave(stage.pace.rounds, kinds);
    figures.push({
      name: `CommitEvent, ${clients} client${clients === 1 ? "" : "s"}, journal of ${thousands(rows)} rows beside ${thousands(smallJournalRows)}`,
      value: speed(found.large),
      beside: speed(found.small),
      number: found.large.p50Us,
      ratio: found.large.p50Us / found.small.p50Us,
      wanted: atMost(1.3),
    });
  }
  return [...figures, start];
}
