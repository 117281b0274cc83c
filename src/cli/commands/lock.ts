import { command, idempotencyKey, leaseArg } from "../command.ts";
import { Failure } from "../exits.ts";
import { resolveLease, resolveLockLease, resolveNode, resolveTask } from "../ids.ts";
import { type Order, readOrder, type Taken, takeLocks, takingArgs } from "../lock/acquire.ts";
import { explainHeld } from "../lock/held.ts";
import { lockPlace } from "../lock/place.ts";
import { releaseKeys, releaseMine } from "../lock/release.ts";
import type { Session } from "../session.ts";
import { bold, dim, momentText, oneLine, spanText } from "../text.ts";
import { readList, readTtl } from "../values.ts";

const keys = {
  key: {
    type: "positional",
    repeatable: true,
    required: false,
    description: "what is locked: file:PATH, dir:PATH, glob:PATTERN, or any other text",
  },
} as const;

export const acquire = command({
  args: {
    ...keys,
    ...takingArgs,
    lease: { type: "string", valueHint: "LEASE", description: "add to this lease of your own" },
    task: { type: "string", valueHint: "TASK", description: "the task it is taken for" },
    node: { type: "string", valueHint: "NODE", description: "the node it is taken for; needs --task" },
    metadata: { type: "string", valueHint: "JSON|-|@FILE", description: "anything else others should see ({})" },
    ...idempotencyKey,
  },
  examples: [
    ["lock acquire file:src/lib.rs --owner codex-1 --ttl 5m", "before editing a file"],
    ["lock acquire dir:src/parser file:Cargo.toml --wait 60s", "both or none, waiting in line for a minute"],
    ["lock acquire 'glob:docs/**/*.md' --shared --intent 'check links'", "beside others who only read"],
    ["lock acquire file:src/b.rs --lease b1c9d7e2", "one more under a lease of your own"],
    ["lock acquire tool:git-index --get lease_id", "the lease_id is needed to release it"],
  ],
  notes: [
    "Keys overlap as paths do: dir:src with file:src/lib.rs, a glob with every path it can match. Paths are written from the",
    "top of the repository, whose worktrees share one scope; outside of one they are absolute. Any other key, such as",
    "tool:git-index, overlaps with itself alone.",
    "",
    "Exit status 3 while somebody holds what overlaps, even the same owner; 1 when waiting would close a circle. With",
    "--lease, --task and --node of a node that you run the locks end with that node.",
  ].join("\n"),
  async run(args, session) {
    if (args.node !== undefined && args.task === undefined) throw new Failure("USAGE", "--node needs --task");
    const order = await readOrder(args.key, args);
    await noteBareNames(session, order);
    const task_id = args.task === undefined ? undefined : await resolveTask(session, args.task);
    const node_id =
      task_id === undefined || args.node === undefined ? undefined : await resolveNode(session, task_id, args.node);
    const lease_id = args.lease === undefined ? undefined : await leaseOf(session, args.lease, task_id, node_id);
    const never = new AbortController().signal;
    const taken = await takeLocks(session, order, { lease_id, task_id, node_id }, never, args["idempotency-key"]);
    if (taken === null) return notTaken(session, order);
    session.show(taken, () => acquiredText(taken));
    return 0;
  },
});

export const heartbeat = command({
  args: { ...leaseArg, ttl: takingArgs.ttl, ...idempotencyKey },
  examples: [["lock heartbeat b1c9d7e2 --ttl 5m", "hold all that the lease holds for five more minutes"]],
  async run({ lease, ttl: given, "idempotency-key": idempotency }, session) {
    const ttl_secs = readTtl(given);
    const lease_id = await resolveLockLease(session, lease);
    const kept = await session.call("HeartbeatResourceLock", { lease_id, ttl_secs }, idempotency);
    session.show(kept, () => `held until ${momentText(kept.lease_expires_at)}`);
  },
});

export const release = command({
  args: {
    ...keys,
    lease: { type: "string", valueHint: "LEASE", description: "of this lease; without KEY, all it holds" },
    mine: { type: "boolean", description: "everything the owner holds, in any scope" },
    owner: { type: "string", valueHint: "NAME", description: "whose locks, where no lease is named ($AGENTD_OWNER)" },
    scope: takingArgs.scope,
  },
  examples: [
    ["lock release --lease b1c9d7e2", "all that the lease holds, as soon as the work is done"],
    ["lock release file:src/lib.rs --lease b1c9d7e2", "one key of it"],
    ["lock release file:src/lib.rs --owner codex-1", "what this owner holds of it"],
    ["lock release --mine --owner codex-1", "everything it holds, but what ends with a node"],
  ],
  async run({ key, lease, mine, owner, scope }, session) {
    const written = readList(key);
    if (mine === true) {
      if (written.length > 0 || lease !== undefined) throw new Failure("USAGE", "--mine is everything; give it alone");
      return releaseMine(session, owner);
    }
    const lease_id = lease === undefined ? undefined : await resolveLockLease(session, lease);
    if (written.length === 0) {
      if (lease_id === undefined) throw new Failure("USAGE", "what is released? give KEY, --lease LEASE or --mine");
      const released = await session.call("ReleaseResourceLock", { lease_id });
      session.show(released, () => `released all of lease ${lease_id}`);
      return 0;
    }
    return releaseKeys(session, await lockPlace(scope), written, lease_id, owner);
  },
});

export const forceRelease = command({
  args: {
    key: { type: "positional", required: true, description: "the key, as `agentd lock list` shows it" },
    reason: { type: "string", required: true, valueHint: "TEXT", description: "why, for the journal" },
    scope: takingArgs.scope,
    ...idempotencyKey,
  },
  examples: [[`lock force-release file:src/lib.rs --reason "its agent hangs"`, "end the lease that holds it"]],
  notes: [
    "For people, when an agent holds a lock and is not coming back. The holder's whole lease ends, with all its locks, and",
    "its lease_id is refused from then on; a node that runs under it is PENDING again.",
  ].join("\n"),
  async run({ key, reason, scope, "idempotency-key": idempotency }, session) {
    const place = await lockPlace(scope);
    const resource_key = await place.keyOf(key);
    const params = { resource_key, scope: place.scope, reason };
    const done = await session.call("ForceReleaseResourceLock", params, idempotency);
    session.show(done, () =>
      done.released
        .map(({ owner, resource_keys: ended }) => `released from ${oneLine(owner, 60)}: ${ended.join(", ")}`)
        .join("\n"),
    );
  },
});

/** A lease of locks, or for a node that of its worker. */
async function leaseOf(session: Session, given: string, taskId: string | undefined, nodeId: string | undefined) {
  const ofNode = taskId !== undefined && nodeId !== undefined;
  return ofNode ? resolveLease(session, taskId, given) : resolveLockLease(session, given);
}

async function notTaken(session: Session, { place, locks, owner }: Order): Promise<3> {
  if (session.globals.json) session.show(null, () => "");
  else session.note(await explainHeld(session, place, locks, owner));
  return 3;
}

/** A path without its kind is a name like any other, and locks no file: said where there is such a file. */
async function noteBareNames(session: Session, { locks }: Order): Promise<void> {
  for (const { resource_key: key } of locks) {
    if (key.includes(":") || !(await Bun.file(key).exists())) continue;
    session.note(`${oneLine(key, 100)} is locked as a name; to lock the file write file:${oneLine(key, 100)}`);
  }
}

function acquiredText({ locks, lease_id, lease_expires_at: until }: Taken): string {
  const left = spanText(until - Date.now() / 1000);
  const names = locks.map(
    ({ resource_key: key, mode }) => bold(oneLine(key, 200)) + (mode === "shared" ? ", shared" : ""),
  );
  return [
    `locked ${names.join("\n       ")}`,
    `until ${momentText(until)} (${left}) under lease ${lease_id}`,
    dim(`next: agentd lock heartbeat ${lease_id}`),
    dim(`      agentd lock release --lease ${lease_id}`),
  ].join("\n");
}
