import type { Client } from "../../src/client/client.ts";
import type { Load } from "./load.ts";
import { commitBare, generate } from "./programs.ts";
import { atLeast, atMost, type Figure, micros, perSec } from "./report.ts";
import type { Stage } from "./stage.ts";
import { type Measured, medians } from "./statistics.ts";

export const clientCounts = [1, 16, 64];

/** The event every CommitEvent of the benchmark carries. */
export const payload = { step: "edit", files: ["src/parser.ts", "src/lexer.ts"], note: "x".repeat(60) };

/** A CommitEvent request on a task of one node, which is registered for it. */
export async function commitEventLine(client: Client): Promise<string> {
  const node = crypto.randomUUID();
  const { task_id } = await client.call("RegisterTask", { goal: "events", initial_nodes: [{ id: node }] });
  const params = { task_id, node_id: node, action_type: "progress", payload };
  return `${JSON.stringify({ id: 1, method: "CommitEvent", params })}\n`;
}

/** CommitEvent and the node cycle, beside an echo on the same socket code and beside bare commits. */
export async function measureThroughput(stage: Stage): Promise<Figure[]> {
  const echo = await stage.echo();
  await stage.settleDisk();
  await using events = await stage.daemon("events");
  await using cycles = await stage.daemon("cycles");
  const line = await commitEventLine(events.client);
  const repeat = (socket: string, clients: number) => generate(load(stage, socket, clients, { kind: "repeat", line }));
  // Daemons live for days: what counts is the speed of code that has been compiled.
  for (const socket of [events.socket, echo]) await repeat(socket, 64);
  const figures: Figure[] = [];
  for (const clients of clientCounts) {
    const found = await interleave(stage.pace.rounds, {
      events: () => repeat(events.socket, clients),
      echo: () => repeat(echo, clients),
      bare: () => commitBare(stage.path(`bare-${crypto.randomUUID()}.db`), line, stage.pace.measureMs),
    });
    const tasks = await plainTasks(cycles.client);
    const cycled = await generate(load(stage, cycles.socket, clients, { kind: "cycle", tasks }));
    figures.push(...compare(clients, { ...found, cycles: cycled }));
  }
  return figures;
}

export function load(stage: Stage, socket: string, clients: number, work: Load["work"]): Load {
  const { warmUpMs, measureMs } = stage.pace;
  return { socket, clients, warmUpMs, measureMs, work };
}

/** Two tasks of nodes that wait for nothing: more than one run of the generator can carry out. */
export async function plainTasks(client: Client): Promise<string[]> {
  const initial_nodes = Array.from({ length: 10_000 }, () => ({}));
  const register = async () => (await client.call("RegisterTask", { goal: "cycles", initial_nodes })).task_id;
  return [await register(), await register()];
}

/** Measures each kind once a round, so that a slow moment of the machine falls on all of them; the medians. */
export async function interleave<Kind extends string>(
  rounds: number,
  kinds: Record<Kind, () => Promise<Measured>>,
): Promise<Record<Kind, Measured>> {
  const names = Object.keys(kinds) as Kind[];
  const found = new Map<Kind, Measured[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) found.get(name)?.push(await kinds[name]());
  }
  return Object.fromEntries(names.map((name) => [name, medians(found.get(name) ?? [])])) as Record<Kind, Measured>;
}

export const inWords = (clients: number): string => `${clients} client${clients === 1 ? "" : "s"}`;

function compare(clients: number, found: Record<"events" | "echo" | "bare" | "cycles", Measured>): Figure[] {
  const { events, echo, bare, cycles } = found;
  const at = inWords(clients);
  return [
    {
      name: `CommitEvent, ${at}, beside echo`,
      value: speed(events),
      beside: speed(echo),
      number: events.perSec,
      ratio: events.perSec / echo.perSec,
      ...(clients === 64 && { wanted: atLeast(0.45) }),
    },
    {
      name: `CommitEvent, ${at}, beside bare commits`,
      ...(clients === 1 ? latencies(events, bare) : rates(events, bare)),
    },
    {
      name: `acquire → complete, ${at}, beside half of echo`,
      value: speed(cycles),
      beside: perSec(echo.perSec / 2),
      number: cycles.perSec,
      ratio: cycles.perSec / (echo.perSec / 2),
    },
    {
      name: `acquire → complete, ${at}, beside half of bare commits`,
      value: perSec(cycles.perSec),
      beside: perSec(bare.perSec / 2),
      number: cycles.perSec,
      ratio: cycles.perSec / (bare.perSec / 2),
    },
  ];
}

function latencies(events: Measured, bare: Measured) {
  const ratio = events.p50Us / bare.p50Us;
  const [value, beside] = [events, bare].map(({ p50Us }) => `p50 ${micros(p50Us)}`);
  return { value: value ?? "", beside: beside ?? "", number: events.p50Us, ratio, wanted: atMost(1.5) };
}

function rates(events: Measured, bare: Measured) {
  const ratio = events.perSec / bare.perSec;
  return { value: perSec(events.perSec), beside: perSec(bare.perSec), number: events.perSec, ratio };
}

export const speed = ({ perSec: rate, p50Us, p99Us }: Measured): string =>
  `${perSec(rate)}, p50 ${micros(p50Us)}, p99 ${micros(p99Us)}`;
