import { Client } from "../../src/client/client.ts";
import { limits } from "../../src/protocol/limits.ts";
import type { OwnDaemon } from "../demo/daemon.ts";
import { generate } from "./programs.ts";
import { RawClient } from "./raw-client.ts";
import { atLeast, atMost, type Figure, micros } from "./report.ts";
import type { Pace, Stage } from "./stage.ts";
import { type Measured, median } from "./statistics.ts";
import { commitEventLine, interleave, load, plainTasks, speed } from "./throughput.ts";
import { usageOf } from "./usage.ts";
import { leaseIn, request } from "./work.ts";

const waiters = 200;
/** Clients that work beside those who wait. */
const workers = 16;
const handOvers = 300;

type Daemons<T> = Record<"quiet" | "alike" | "each", T>;

/** What workers cost that wait for a node nobody has, and how soon one gets the node it waits for. */
export async function measureWaiters(stage: Stage): Promise<Figure[]> {
  const settings = { AGENTD_CONNECTIONS_MAX: String(waiters + workers + 8) };
  await using quiet = await stage.daemon("quiet", settings);
  await using alike = await stage.daemon("waiters-alike", settings);
  await using each = await stage.daemon("waiters-each", settings);
  using _alike = await wait(alike, () => ({ runner: "gpu" }));
  using _each = await wait(each, (n) => ({ runner: `gpu-${n}` }));
  await stage.settleDisk();
  const daemons = { quiet, alike, each };
  return [
    ...compare("CommitEvent", await interleave(stage.pace.rounds, await committing(stage, daemons))),
    ...compare("acquire → complete", await interleave(stage.pace.rounds, cycling(stage, daemons))),
    ...(await measureHandOver(daemons)),
    ...(await measureIdleWaiters(daemons, stage.pace)),
  ];
}

/** Connects clients that wait for a node of any task with labels no node has; closing them ends their waits. */
async function wait(daemon: OwnDaemon, labels: (n: number) => Record<string, string>): Promise<Disposable> {
  const clients = await Promise.all(Array.from({ length: waiters }, () => Client.connect(daemon.socket)));
  for (const [n, client] of clients.entries()) {
    // Ends with the connection.
    client.call("AcquireNextNode", { labels: labels(n), wait_ms: limits.waitMsMax }).catch(() => undefined);
  }
  const asked = async () => (await daemon.client.call("Metrics", {})).runtime.acquire_attempts;
  while ((await asked()) < waiters) await Bun.sleep(1);
  return {
    [Symbol.dispose]() {
      for (const client of clients) client.close();
    },
  };
}

async function committing(stage: Stage, daemons: Daemons<OwnDaemon>): Promise<Daemons<() => Promise<Measured>>> {
  const of = async ({ client, socket }: OwnDaemon) => {
    const line = await commitEventLine(client);
    return () => generate(load(stage, socket, workers, { kind: "repeat", line }));
  };
  return { quiet: await of(daemons.quiet), alike: await of(daemons.alike), each: await of(daemons.each) };
}

function cycling(stage: Stage, { quiet, alike, each }: Daemons<OwnDaemon>): Daemons<() => Promise<Measured>> {
  const of =
    ({ client, socket }: OwnDaemon) =>
    async () =>
      generate(load(stage, socket, workers, { kind: "cycle", tasks: await plainTasks(client) }));
  return { quiet: of(quiet), alike: of(alike), each: of(each) };
}

function compare(operation: string, { quiet, alike, each }: Daemons<Measured>): Figure[] {
  const figure = (whom: string, measured: Measured): Figure => ({
    name: `${operation}, ${workers} clients, beside ${waiters} who wait for ${whom}`,
    value: speed(measured),
    beside: speed(quiet),
    number: measured.perSec,
    ratio: measured.perSec / quiet.perSec,
    wanted: atLeast(0.9),
  });
  return [figure("the same label", alike), figure("a label each", each)];
}

/** From a node's completion to the answer of the worker who waits for the one behind it. */
async function measureHandOver({ quiet, each }: Daemons<OwnDaemon>): Promise<Figure[]> {
  const alone = await timeHandOvers(quiet);
  const among = await timeHandOvers(each);
  const figure = (name: string, figureUs: "answerUs" | "sentUs"): Figure => ({
    name,
    value: `p50 ${micros(alone[figureUs])}`,
    beside: `p50 ${micros(among[figureUs])} among ${waiters} waiters`,
    number: alone[figureUs],
  });
  return [
    { ...figure("from CompleteNode's answer to the waiting worker's", "answerUs"), wanted: atMost(1000) },
    figure("from sending CompleteNode to the waiting worker's answer", "sentUs"),
  ];
}

/** Two workers go down a chain of nodes: while one completes a node the other waits for the next. */
async function timeHandOvers({ client, socket }: OwnDaemon): Promise<{ answerUs: number; sentUs: number }> {
  const initial_nodes = Array.from({ length: handOvers + 1 }, (_, n) => ({
    name: `${n}`,
    dependencies: n === 0 ? [] : [`${n - 1}`],
  }));
  const { task_id } = await client.call("RegisterTask", { goal: "hand over", initial_nodes });
  const acquire = request("AcquireNextNode", { task_id, wait_ms: limits.waitMsMax });
  using one = await RawClient.connect(socket);
  using two = await RawClient.connect(socket);
  const found = { answerUs: [] as number[], sentUs: [] as number[] };
  let held = await one.ask(acquire);
  for (let n = 0; n < handOvers; n++) {
    const [holder, waiter] = n % 2 === 0 ? [one, two] : [two, one];
    const lease = { task_id, ...leaseIn(held.answer) };
    const waiting = waiter.ask(acquire);
    // The waiter is in the waiting room when the daemon answers what is asked after that.
    await holder.ask(request("HeartbeatNode", lease));
    const sentMs = performance.now();
    const completed = await holder.ask(request("CompleteNode", { ...lease, result_payload: null }));
    held = await waiting;
    found.answerUs.push((held.atMs - completed.atMs) * 1000);
    found.sentUs.push((held.atMs - sentMs) * 1000);
  }
  return { answerUs: median(found.answerUs), sentUs: median(found.sentUs) };
}

async function measureIdleWaiters({ quiet, each }: Daemons<OwnDaemon>, { idleMs }: Pace): Promise<Figure[]> {
  const [before, quietBefore] = [usageOf(each.pid), usageOf(quiet.pid)];
  await Bun.sleep(idleMs);
  const percent = ((usageOf(each.pid).processorMs - before.processorMs) / idleMs) * 100;
  const quietPercent = ((usageOf(quiet.pid).processorMs - quietBefore.processorMs) / idleMs) * 100;
  return [
    {
      name: `idle: processor, ${waiters} waiters beside none`,
      value: `${percent.toFixed(1)} %`,
      beside: `${quietPercent.toFixed(1)} %`,
      number: percent,
      wanted: atMost(0),
    },
  ];
}
