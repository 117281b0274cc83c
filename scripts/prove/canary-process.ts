import type { Song } from "./canary.ts";
import { Wire } from "./wire.ts";
import type { Answer } from "./workload.ts";

/* The canary's own process: `canary-process.ts SOCKET`. It reports to its parent when told to, and ends with it. */

const pauseMs = 4;
const ttl_secs = 100_000;

const wire = await Wire.connect(Bun.argv[2] ?? "");
if (wire === null) throw new Error("the canary finds no daemon");

async function ask(method: string, params: unknown): Promise<Answer> {
  const line = await wire?.ask([JSON.stringify({ method, params })])[0];
  return typeof line === "string" ? (JSON.parse(line) as Answer) : {};
}

async function make(method: string, params: unknown): Promise<Record<string, unknown>> {
  const { result, error } = await ask(method, params);
  if (result === null || result === undefined) throw new Error(`the canary's ${method}: ${JSON.stringify(error)}`);
  return result;
}

const { task_id } = await make("RegisterTask", { goal: "sing", initial_nodes: [{}] });
const { node_id, lease_id } = await make("AcquireNextNode", { task_id, lease_owner: "canary", ttl_secs });
const resource_key = `canary:${process.pid}`;
const lock = await make("AcquireResourceLock", { resource_key, owner: "canary", ttl_secs });
const node = { task_id, node_id, lease_id };
let committed = 0;

/** A request, and whether an answer's result is what nobody but this client can have made it. */
type Verse = [method: string, params: () => unknown, isRight: (result: Record<string, unknown>) => boolean];

const health: Verse = ["Health", () => ({}), ({ status }) => status === "ok"];
const verses: Verse[] = [
  ["CommitEvent", () => ({ ...node, payload: { verse: ++committed } }), ({ event_id }) => typeof event_id === "string"],
  health,
  ["HeartbeatNode", () => ({ ...node, ttl_secs }), ({ ok }) => ok === true],
  health,
  ["HeartbeatResourceLock", () => ({ resource_key, lease_id: lock.lease_id, ttl_secs }), ({ ok }) => ok === true],
  health,
  ["TaskStatus", () => ({ task_id }), isMine],
  health,
];

function isMine(status: Record<string, unknown>): boolean {
  const [own, ...others] = status.nodes as { status: string; lease_id: string }[];
  return others.length === 0 && own?.status === "RUNNING" && own.lease_id === lease_id;
}

let latenciesMs: number[] = [];
let errors: string[] = [];

function report(): Song {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const song = { answers: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), worstMs: at(1), errors };
  latenciesMs = [];
  errors = [];
  return song;
}

process.on("message", () => process.send?.(report()));
process.on("disconnect", () => process.exit());
process.send?.("ready");

for (let verse = 0; ; verse++) {
  const [method, params, isRight] = verses[verse % verses.length] ?? health;
  const startedAt = performance.now();
  const answer = await ask(method, params());
  latenciesMs.push(performance.now() - startedAt);
  const right = answer.result !== undefined && answer.result !== null && isRight(answer.result);
  if (!right && errors.length < 10) errors.push(`${method} was answered ${JSON.stringify(answer)}`);
  // It is there to be asked yet, and says so.
  if (wire.lost) break;
  await Bun.sleep(pauseMs);
}
