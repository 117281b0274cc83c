import { limits } from "../../protocol/limits.ts";
import type { AcquiredNode } from "../../protocol/methods/nodes.ts";
import {
  command,
  flag,
  idempotencyKey,
  leaseArg,
  nodeArg,
  option,
  repeatableOption,
  requiredOption,
  taskArg,
} from "../command.ts";
import { resolveLease, resolveNode, resolveTask } from "../ids.ts";
import { Failure } from "../exits.ts";
import { ownerOf } from "../environment.ts";
import { readChoice } from "./choice.ts";
import { labelOf, retriedText } from "./text.ts";
import { whyNothing } from "./why-nothing.ts";
import { nodesIn, take } from "../patient-client.ts";
import { interruptible } from "../run/interruptions.ts";
import type { Session } from "../session.ts";
import { bold, columns, dim, momentText, oneLine, spanText } from "../text.ts";
import { readDuration, readJson, readPercent, readTtl, readWhole } from "../values.ts";

const leaseTime = {
  ttl: option("TIME", "how long the lease runs without a heartbeat, such as 90s or 5m"),
} as const;

const leased = { ...taskArg, ...nodeArg, ...leaseArg };

export const acquire = command({
  args: {
    task: { ...taskArg.task, required: false },
    any: flag("take a node of any task; without TASK"),
    label: repeatableOption("K=V", "only nodes with this label; repeatable"),
    count: option("N", "take up to N nodes at once; the result is a list then"),
    owner: option("NAME", "who holds it ($AGENTD_OWNER, else anonymous)"),
    wait: option("TIME", "how long to wait for a runnable node (0, at most 10m)"),
    ...leaseTime,
    ...idempotencyKey,
  },
  examples: [
    ["node acquire 0197f3a2 --owner codex-1", "take the next runnable node"],
    ["node acquire 0197f3a2 --wait 5m --ttl 10m", "wait for one, with a lease of ten minutes"],
    ["node acquire --any --label role=tests", "a node of any task with this label"],
    ["node acquire 0197f3a2 --count 4 --json", "up to four, with all their context, for a program"],
  ],
  notes: "Exit status 3 if nothing is runnable now. The wait ends at once when the task has nothing left to offer.",
  async run({ task, any, label, count, owner, wait, ttl, "idempotency-key": key }, session) {
    const choice = await readChoice(session, { task, any, label }, "TASK");
    const wish = {
      ...choice,
      lease_owner: ownerOf(owner),
      ttl_secs: readTtl(ttl),
      count: count === undefined ? undefined : readWhole(count, "count"),
    };
    const waitMs = readWait(wait);
    const acquired = await interruptible(0, ({ stop: giveUp }) =>
      take(session, "AcquireNextNode", wish, { waitMs, giveUp, idempotencyKey: key }),
    );
    if (acquired === null) return session.sayNotNow(() => whyNothing(session, choice));
    session.show(acquired, () => nodesIn(acquired).map(acquiredText).join("\n"));
    return 0;
  },
});

export const heartbeat = command({
  args: {
    ...leased,
    ...leaseTime,
    percent: option("N", "how much of the work is done, 0 to 100"),
    message: option("TEXT", "what is being done"),
    ...idempotencyKey,
  },
  examples: [
    ["node heartbeat 0197f3a2 6f1a8a5e b1c9d7e2", "at least three times within the lease's length"],
    [`node heartbeat 0197f3a2 parser b1c9d7e2 --percent 40 --message "lexer done"`, "and report progress"],
  ],
  notes: "--percent and --message together replace the progress reported before. Without either, it stays as it is.",
  async run(args, session) {
    const ttl_secs = readTtl(args.ttl);
    const { percent, message } = args;
    const said = { percent: percent === undefined ? undefined : readPercent(percent), message };
    const progress = percent === undefined && message === undefined ? undefined : said;
    const ids = await resolveLeased(session, args);
    const kept = await session.call("HeartbeatNode", { ...ids, ttl_secs, progress }, args["idempotency-key"]);
    session.show(kept, () => `lease renewed until ${momentText(kept.lease_expires_at)}`);
  },
});

export const complete = command({
  args: {
    ...leased,
    result: option("JSON|-|@FILE", "what the node produced ({})"),
    ...idempotencyKey,
  },
  examples: [
    [
      `node complete 0197f3a2 6f1a8a5e b1c9d7e2 --result '{"files":["a.rs"]}'`,
      "with a result, for the nodes that depend on it",
    ],
    ["node complete 0197f3a2 6f1a8a5e b1c9d7e2 --result -", "with a result from standard input"],
  ],
  async run(args, session) {
    const result_payload = await readJson(args.result ?? "{}", "--result");
    const ids = await resolveLeased(session, args);
    const done = await session.call("CompleteNode", { ...ids, result_payload }, args["idempotency-key"]);
    session.show(done, () => `completed node ${ids.node_id}`);
  },
});

export const fail = command({
  args: {
    ...leased,
    error: requiredOption("JSON|-|@FILE", "what went wrong"),
    ...idempotencyKey,
  },
  examples: [
    [
      `node fail 0197f3a2 6f1a8a5e b1c9d7e2 --error '"tests fail"'`,
      "PENDING again while attempts are left, else FAILED",
    ],
  ],
  async run(args, session) {
    const error_payload = await readJson(args.error, "--error");
    const ids = await resolveLeased(session, args);
    const done = await session.call("FailNode", { ...ids, error_payload }, args["idempotency-key"]);
    session.show(done, () =>
      done.status === "PENDING"
        ? `node ${ids.node_id} has attempts left and is PENDING again${notBefore(done.not_before_ms)}`
        : `failed node ${ids.node_id}; see what it blocks: agentd task status ${ids.task_id}`,
    );
  },
});

export const release = command({
  args: {
    ...leased,
    delay: option("TIME", "how long before it may be handed out again, such as 30s or 5m (0)"),
    ...idempotencyKey,
  },
  examples: [
    ["node release 0197f3a2 6f1a8a5e b1c9d7e2", "the attempt does not count"],
    ["node release 0197f3a2 6f1a8a5e b1c9d7e2 --delay 5m", "nobody gets it for five minutes"],
  ],
  async run(args, session) {
    const delay_secs = args.delay === undefined ? undefined : readDuration(args.delay, "delay");
    const ids = await resolveLeased(session, args);
    const done = await session.call("ReleaseNode", { ...ids, delay_secs }, args["idempotency-key"]);
    session.show(done, () => `released node ${ids.node_id}${notBefore(done.not_before_ms)}`);
  },
});

function notBefore(unixMs: number | null): string {
  return unixMs === null ? "" : `; nobody gets it before ${momentText(unixMs / 1000)}`;
}

function readWait(given: string | undefined): number {
  const waitMs = given === undefined ? 0 : readDuration(given, "wait") * 1000;
  if (waitMs <= limits.waitMsMax) return waitMs;
  throw new Failure("USAGE", `--wait is ${given}; it can be at most ${limits.waitMsMax / 60_000}m`);
}

async function resolveLeased(session: Session, given: { task: string; node: string; lease: string }) {
  const task_id = await resolveTask(session, given.task);
  const node_id = await resolveNode(session, task_id, given.node);
  return { task_id, node_id, lease_id: await resolveLease(session, task_id, given.lease) };
}

function acquiredText(node: AcquiredNode): string {
  const { task_id, node_id, lease_id, context } = node;
  const left = spanText(node.lease_expires_at - Date.now() / 1000);
  const facts = columns([
    ["  goal", oneLine(context.task.goal, 100)],
    ["  payload", oneLine(JSON.stringify(context.node.payload_schema), 100)],
    ...context.completed_dependencies.map(({ node_id: id, result_payload: result }) => [
      "  after",
      `${id} ${oneLine(JSON.stringify(result), 60)}`,
    ]),
    ["  lease", `${lease_id}, until ${momentText(node.lease_expires_at)} (${left})`],
  ]);
  return [
    `acquired node ${[bold(node_id), labelOf(context.node)].join("  ").trimEnd()}`,
    ...facts,
    dim(`next: agentd node heartbeat ${task_id} ${node_id} ${lease_id}`),
    dim(`      agentd node complete ${task_id} ${node_id} ${lease_id} --result '{}'`),
  ].join("\n");
}

export const retry = command({
  args: { ...taskArg, ...nodeArg, ...idempotencyKey },
  examples: [["node retry 0197f3a2 parser", "PENDING again, with the nodes skipped because of it"]],
  async run({ task, node, "idempotency-key": key }, session) {
    const task_id = await resolveTask(session, task);
    const node_id = await resolveNode(session, task_id, node);
    const retried = await session.call("RetryNode", { task_id, node_id }, key);
    session.show(retried, () => retriedText(retried));
  },
});
