import type { Result } from "../../protocol/methods.ts";
import { command, idempotencyKey, leaseArg } from "../command.ts";
import { Failure } from "../exits.ts";
import { resolveLockLease, resolveNode, resolveTask } from "../ids.ts";
import type { Session } from "../session.ts";
import { bold, dim, momentText, oneLine, spanText, table } from "../text.ts";
import { readJson, readTtl } from "../values.ts";

const keyArg = {
  key: { type: "positional", required: true, description: "what is locked, such as file:src/lib.rs" },
} as const;

const ttl = {
  ttl: { type: "string", valueHint: "DURATION", description: "how long it is held without a heartbeat: 90s, 5m, 1h" },
} as const;

export const acquire = command({
  args: {
    ...keyArg,
    owner: { type: "string", valueHint: "NAME", description: "who will hold it (anonymous)" },
    provider: { type: "string", valueHint: "NAME", description: "whose agent the owner is" },
    ...ttl,
    task: { type: "string", valueHint: "TASK", description: "the task it is taken for" },
    node: { type: "string", valueHint: "NODE", description: "the node it is taken for; needs --task" },
    metadata: { type: "string", valueHint: "JSON|-|@FILE", description: "anything others should see ({})" },
    ...idempotencyKey,
  },
  examples: [
    ["lock acquire file:src/lib.rs --owner codex-1 --ttl 5m", "before editing a file"],
    ["lock acquire deploy --json", "the lease_id it prints is needed to release it"],
  ],
  notes: "Exit status 3 while somebody holds it, even the same owner.",
  async run(args, session) {
    const { key, owner, provider } = args;
    if (args.node !== undefined && args.task === undefined) throw new Failure("USAGE", "--node needs --task");
    const task_id = args.task === undefined ? undefined : await resolveTask(session, args.task);
    const node_id =
      task_id === undefined || args.node === undefined ? undefined : await resolveNode(session, task_id, args.node);
    const ttl_secs = readTtl(args.ttl);
    const metadata = args.metadata === undefined ? undefined : await readJson(args.metadata, "--metadata");
    const params = { resource_key: key, owner, provider, ttl_secs, task_id, node_id, metadata };
    const lock = await session.call("AcquireResourceLock", params, args["idempotency-key"]);
    if (lock === null) return heldByAnother(session, key);
    session.show(lock, () => acquiredText(lock));
    return 0;
  },
});

export const heartbeat = command({
  args: { ...keyArg, ...leaseArg, ...ttl, ...idempotencyKey },
  examples: [["lock heartbeat file:src/lib.rs b1c9d7e2 --ttl 5m", "hold it for five more minutes"]],
  async run({ key, lease, ttl: given, "idempotency-key": idempotency }, session) {
    const ttl_secs = readTtl(given);
    const lease_id = await resolveLockLease(session, key, lease);
    const kept = await session.call("HeartbeatResourceLock", { resource_key: key, lease_id, ttl_secs }, idempotency);
    session.show(kept, () => `held until ${momentText(kept.lease_expires_at)}`);
  },
});

export const release = command({
  args: { ...keyArg, ...leaseArg, ...idempotencyKey },
  examples: [["lock release file:src/lib.rs b1c9d7e2", "as soon as the work is done"]],
  async run({ key, lease, "idempotency-key": idempotency }, session) {
    const lease_id = await resolveLockLease(session, key, lease);
    const released = await session.call("ReleaseResourceLock", { resource_key: key, lease_id }, idempotency);
    session.show(released, () => `released ${key}`);
  },
});

export const list = command({
  args: {},
  examples: [["lock list", "who holds what, since when, until when"]],
  async run(_args, session) {
    const answer = await session.call("ListResourceLocks", {});
    const rows = answer.locks.map((lock) => [
      oneLine(lock.resource_key, 200),
      oneLine(lock.owner, 40),
      momentText(lock.acquired_at),
      momentText(lock.lease_expires_at),
      lock.lease_id,
      oneLine(JSON.stringify(lock.metadata), 40),
    ]);
    const heading = ["KEY", "OWNER", "SINCE", "UNTIL", "LEASE", "METADATA"];
    session.show(answer, () => table(heading, rows, "no resource lock is held"));
  },
});

async function heldByAnother(session: Session, key: string): Promise<3> {
  if (session.globals.json) {
    session.show(null, () => "");
    return 3;
  }
  const { locks } = await session.call("ListResourceLocks", {});
  const holder = locks.find((lock) => lock.resource_key === key);
  const until = holder === undefined ? 0 : holder.lease_expires_at - Date.now() / 1000;
  session.note(
    holder === undefined
      ? `${key} was held a moment ago and is free now; try again`
      : `${key} is held by ${oneLine(holder.owner, 40)} since ${momentText(holder.acquired_at)}, for ${spanText(until)} more ` +
          "unless renewed; see: agentd lock list",
  );
  return 3;
}

function acquiredText(lock: NonNullable<Result<"AcquireResourceLock">>): string {
  const left = spanText(lock.lease_expires_at - Date.now() / 1000);
  return [
    `locked ${bold(lock.resource_key)} for ${lock.owner} until ${momentText(lock.lease_expires_at)} (${left})`,
    dim(`next: agentd lock heartbeat '${lock.resource_key}' ${lock.lease_id}`),
    dim(`      agentd lock release '${lock.resource_key}' ${lock.lease_id}`),
  ].join("\n");
}
