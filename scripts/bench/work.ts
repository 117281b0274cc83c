import { beanstalkd, type BeanstalkdWork } from "./beanstalkd.ts";
import type { Operation, Wire } from "./operation.ts";
import { redis, type RedisWork } from "./redis.ts";

/** What each client of the load generator does over and over. */
export type Work =
  | { kind: "repeat"; line: string }
  | { kind: "cycle"; tasks: readonly string[] }
  | { kind: "worker"; tasks: readonly string[]; payload: object }
  | { kind: "lock" }
  | { kind: "beanstalkd"; does: BeanstalkdWork; body: string }
  | { kind: "redis"; does: RedisWork; body: string };

/** What the client with this number does, and how it reads its answers. */
export function partOf(work: Work, client: number): { wire: Wire; operation: Operation } {
  switch (work.kind) {
    case "repeat":
      return { wire: agentd, operation: repeat(work.line) };
    case "cycle":
      return { wire: agentd, operation: onNodes(work.tasks, client, complete) };
    case "worker":
      return { wire: agentd, operation: onNodes(work.tasks, client, (node) => carryOut(node, work.payload)) };
    case "lock":
      return { wire: agentd, operation: lock() };
    case "beanstalkd":
      return { wire: beanstalkd.wire, operation: beanstalkd.operation(work.does, work.body) };
    case "redis":
      return { wire: redis.wire, operation: redis.operation(work.does, work.body) };
    default:
      return work satisfies never;
  }
}

const NEWLINE = 10;
/** The tenth byte of `{"id":1,"result":…`, as an error has it not. */
const R = 114;

const agentd: Wire = {
  endOf(bytes, from) {
    const newline = bytes.indexOf(NEWLINE, from);
    if (newline === -1) return null;
    if (bytes[from + 9] !== R) throw new Error(`refused: ${bytes.toString("utf8", from, from + 300)}`);
    return newline + 1;
  },
};

function repeat(line: string): Operation {
  const requests = [Buffer.from(line)];
  return function* () {
    yield requests;
  };
}

interface HeldNode {
  task_id: string;
  node_id: string;
  lease_id: string;
}

/** Acquires a node and does something with it; goes on to the next task when one has no node left. */
function onNodes(tasks: readonly string[], first: number, work: (node: HeldNode) => ReturnType<Operation>): Operation {
  let turn = first;
  return function* () {
    for (; turn < first + tasks.length; turn++) {
      const task_id = tasks[turn % tasks.length] ?? "";
      const lease = leaseIn(yield [request("AcquireNextNode", { task_id, lease_owner: "bench" })]);
      if (lease !== null) return yield* work({ task_id, ...lease });
    }
    throw new Error("the tasks ran out of nodes");
  };
}

function* complete(node: HeldNode): ReturnType<Operation> {
  yield [request("CompleteNode", { ...node, result_payload: { ok: true } })];
}

/** What a worker does on the way: tells of two steps, and that it is alive. */
function* carryOut(node: HeldNode, payload: object): ReturnType<Operation> {
  const event = request("CommitEvent", { ...node, action_type: "progress", payload });
  yield [event];
  yield [event];
  yield [request("HeartbeatNode", node)];
  yield* complete(node);
}

/** Takes and gives back a file that no other client wants, nor one of a later run: a run ends with locks held. */
function lock(): Operation {
  const resource_key = `file:src/${crypto.randomUUID()}/lib.rs`;
  const acquire = request("AcquireResourceLock", { resource_key, owner: "bench" });
  return function* () {
    const lease_id = idIn(yield [acquire], "lease_id");
    if (lease_id === null) throw new Error("somebody holds what nobody should");
    yield [request("ReleaseResourceLock", { resource_key, lease_id })];
  };
}

/** The acquired node, null when there was none. */
export function leaseIn(answer: Buffer): { node_id: string; lease_id: string } | null {
  const [node_id, lease_id] = [idIn(answer, "node_id"), idIn(answer, "lease_id")];
  return node_id === null || lease_id === null ? null : { node_id, lease_id };
}

/** Only the start of the answer is read: a generator that parsed 15 KB of context would measure itself. */
function idIn(answer: Buffer, field: string): string | null {
  const start = answer.toString("latin1", 0, 300);
  const found = start.indexOf(`"${field}":"`);
  if (found === -1) return null;
  const from = found + field.length + 4;
  return start.slice(from, start.indexOf('"', from));
}

/** A request as a line. */
export function request(method: string, params: object): Buffer {
  return Buffer.from(`${JSON.stringify({ id: 1, method, params })}\n`);
}
