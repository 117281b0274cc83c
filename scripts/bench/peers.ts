import type { OwnDaemon } from "../demo/daemon.ts";
import { beanstalkd, type BeanstalkdWork } from "./beanstalkd.ts";
import { finishAll } from "./fill.ts";
import { generate } from "./programs.ts";
import { redis, type RedisWork } from "./redis.ts";
import { atLeast, atMost, type Figure, micros } from "./report.ts";
import type { Stage } from "./stage.ts";
import type { Measured } from "./statistics.ts";
import { clientCounts, commitEventLine, inWords, interleave, load, payload, plainTasks, speed } from "./throughput.ts";
import { request, type Work } from "./work.ts";

/** What agentd is asked to do, and how the table calls it. */
const titles = {
  event: "CommitEvent",
  cycle: "acquire → complete",
  worker: "whole worker",
  lock: "lock acquire → release",
  health: "Health",
};
type Kind = keyof typeof titles;
const kinds = Object.keys(titles) as Kind[];

type Run = (clients: number) => Promise<Measured>;

/** What stands beside one of these: the nearest to it that another program does. */
interface Rival {
  kind: Kind;
  /** The program. */
  as: string;
  run: Run;
  /** By the number of clients: how many times as much agentd should do. */
  wanted?: Partial<Record<number, number>>;
}

/** Taking and giving back a lock should take at most so many times as long as an event. */
const lockByEventWanted = 2.2;

/** Clients a server is made to warm up with. */
const warmUpClients = 64;

const health = request("Health", {}).toString();
const body = JSON.stringify(payload);

/** agentd beside a durable queue and a durable store in C, the socket code alone, and another agentd: those there are. */
export async function measurePeers(stage: Stage): Promise<Figure[]> {
  const own = await agentd(stage, "own", stage.binary);
  const rivals = [...(await echo(stage)), ...(await queue(stage)), ...(await keyStore(stage)), ...(await other(stage))];
  const rivalsOf = (kind: Kind) => rivals.filter((rival) => rival.kind === kind);
  await stage.settleDisk();
  const figures: Figure[] = [];
  for (const clients of clientCounts) {
    const runs = new Map<string, () => Promise<Measured>>();
    for (const kind of kinds) {
      runs.set(kind, () => own[kind](clients));
      for (const { as, run } of rivalsOf(kind)) runs.set(kind + as, () => run(clients));
    }
    const found = await interleave(stage.pace.peerRounds, Object.fromEntries(runs));
    const of = (name: string) => found[name] ?? unmeasured(name);
    for (const kind of kinds) {
      const name = `${titles[kind]}, ${inWords(clients)}`;
      figures.push(...rivalsOf(kind).map((rival) => contest(name, clients, of(kind), rival, of(kind + rival.as))));
      if (rivalsOf(kind).length === 0) figures.push({ name, value: speed(of(kind)), number: of(kind).perSec });
    }
    if (clients === 1) figures.push(lockByEvent(of("lock"), of("event")));
  }
  return figures;
}

function contest(name: string, clients: number, own: Measured, { as, wanted }: Rival, theirs: Measured): Figure {
  const bound = wanted?.[clients];
  return {
    name: `${name}, beside ${as}`,
    value: speed(own),
    beside: speed(theirs),
    number: own.perSec,
    ratio: own.perSec / theirs.perSec,
    ...(bound !== undefined && { wanted: atLeast(bound) }),
  };
}

function lockByEvent(lock: Measured, event: Measured): Figure {
  return {
    name: `${titles.lock}, ${inWords(1)}, beside ${titles.event}`,
    value: `p50 ${micros(lock.p50Us)}`,
    beside: `p50 ${micros(event.p50Us)}`,
    number: lock.p50Us,
    ratio: lock.p50Us / event.p50Us,
    wanted: atMost(lockByEventWanted),
  };
}

function unmeasured(name: string): never {
  throw new Error(`${name} was not measured`);
}

/** Each kind of work at an agentd; a journal that grows and tasks that are canceled are each kept by a daemon of its own. */
async function agentd(stage: Stage, name: string, binary: string): Promise<Record<Kind, Run>> {
  const journal = await stage.daemon(`${name}-journal`, {}, binary);
  const tasks = await stage.daemon(`${name}-tasks`, {}, binary);
  const line = await commitEventLine(journal.client);
  const runs: Record<Kind, Run> = {
    event: (clients) => generate(load(stage, journal.socket, clients, { kind: "repeat", line })),
    cycle: (clients) => onTasks(stage, tasks, clients, (ids) => ({ kind: "cycle", tasks: ids })),
    worker: (clients) => onTasks(stage, tasks, clients, (ids) => ({ kind: "worker", tasks: ids, payload })),
    lock: (clients) => generate(load(stage, journal.socket, clients, { kind: "lock" })),
    health: (clients) => generate(load(stage, journal.socket, clients, { kind: "repeat", line: health })),
  };
  // Daemons live for days: what counts is the speed of code that has been compiled.
  for (const kind of kinds) await runs[kind](warmUpClients);
  return runs;
}

/** Works on tasks of this run's own. What it leaves is canceled, so that no run has more of it than another. */
async function onTasks(
  stage: Stage,
  daemon: OwnDaemon,
  clients: number,
  work: (tasks: string[]) => Work,
): Promise<Measured> {
  const tasks = await plainTasks(daemon.client);
  await stage.settleDisk();
  const measured = await generate(load(stage, daemon.socket, clients, work(tasks)));
  await finishAll(daemon);
  return measured;
}

async function echo(stage: Stage): Promise<Rival[]> {
  const socket = await stage.echo();
  const run: Run = (clients) => generate(load(stage, socket, clients, { kind: "repeat", line: health }));
  await run(warmUpClients);
  return [{ kind: "health", as: "echo", run, wanted: { 64: 0.8 } }];
}

/** Puts of a kind that nobody takes go to a process of their own, as the other's queue would grow by them. */
async function queue(stage: Stage): Promise<Rival[]> {
  const program = installed(beanstalkd.program);
  if (program === null) return [];
  const grown = await stage.peer(program, "beanstalkd-journal", beanstalkd.words);
  const taken = await stage.peer(program, "beanstalkd-tasks", beanstalkd.words);
  const run =
    (socket: string, does: BeanstalkdWork): Run =>
    (clients) =>
      generate(load(stage, socket, clients, { kind: "beanstalkd", does, body }));
  return [
    { kind: "event", as: "beanstalkd", run: run(grown, "put"), wanted: { 1: 0.6, 16: 1.7, 64: 2.2 } },
    {
      kind: "cycle",
      as: "beanstalkd",
      run: run(taken, "cycle"),
      wanted: { 1: 0.45, 16: 1.1, 64: 1.1 },
    },
    { kind: "worker", as: "beanstalkd", run: run(taken, "worker") },
  ];
}

async function keyStore(stage: Stage): Promise<Rival[]> {
  const program = installed(redis.program);
  if (program === null) return [];
  const socket = await stage.peer(program, "redis", redis.words);
  const run =
    (does: RedisWork): Run =>
    (clients) =>
      generate(load(stage, socket, clients, { kind: "redis", does, body }));
  return [
    { kind: "event", as: "Redis", run: run("put") },
    { kind: "cycle", as: "Redis", run: run("cycle") },
    { kind: "worker", as: "Redis", run: run("worker") },
    { kind: "lock", as: "Redis", run: run("lock") },
  ];
}

/** Where the program is; null, and said, when it is not on the PATH. */
function installed(program: string): string | null {
  const path = Bun.which(program);
  if (path === null) console.error(`  ${program} is not installed: nothing stands beside it`);
  return path;
}

/** What is wanted is wanted beside f43c50d, the commit the rebuilding began at. */
async function other(stage: Stage): Promise<Rival[]> {
  if (stage.other === null) return [];
  const runs = await agentd(stage, "other", stage.other);
  return kinds.map((kind) => ({
    kind,
    as: "the other agentd",
    run: runs[kind],
    ...(kind === "worker" && { wanted: { 16: 3 } }),
  }));
}
