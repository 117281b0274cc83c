import { RequestRefused } from "../../client/refusals.ts";
import { argument, command, flag, idempotencyKey, leaseArg, option, requiredOption } from "../command.ts";
import { Failure } from "../exits.ts";
import { resolveLease, resolveLockLease, resolveNode, resolveTask } from "../ids.ts";
import { keysArg, optionalKeysArg, readLockRequest, takeLocks, type GrantedLocks, takingArgs } from "./acquire.ts";
import { explainHeld, holdersOf } from "./text.ts";
import { type Here, keyResolver, locateHere, resolveKeys } from "./keys.ts";
import { type NodeAround, nodeAround } from "../environment.ts";
import { releaseKeys, releaseMine } from "./release.ts";
import { interruptible } from "../run/interruptions.ts";
import type { Session } from "../session.ts";
import { bold, dim, momentText, oneLine, spanText } from "../text.ts";
import { readList, readTtl } from "../values.ts";

export const acquire = command({
  args: {
    key: keysArg,
    ...takingArgs,
    lease: option("LEASE", "add the keys to this lease, which must be yours"),
    "own-lease": flag("inside `agentd run`, take a lease that outlives the node"),
    task: option("TASK", "the task it is for"),
    node: option("NODE", "the node it is for; needs --task"),
    metadata: option("JSON|-|@FILE", "anything else that others should see ({})"),
    ...idempotencyKey,
  },
  examples: [
    ["lock acquire file:src/lib.rs --owner codex-1 --ttl 5m", "before editing a file"],
    ["lock acquire dir:src/parser file:Cargo.toml --wait 60s", "both or neither, queueing for up to a minute"],
    ["lock acquire 'glob:docs/**/*.md' --shared --intent 'check links'", "together with others who only read"],
    ["lock acquire file:src/b.rs --lease b1c9d7e2", "one more key under your lease"],
    ["lock acquire name:git-index --get lease_id", "print the lease_id, which releases it"],
  ],
  notes: [
    "Keys overlap as paths do: dir:src with file:src/lib.rs, a glob with every path it can match. A name, such as",
    "name:git-index, overlaps only with itself. Paths are read from the working directory, and links are followed. A path",
    "without its kind is a directory where one is there, else a file. In git, the worktrees of a repository share one scope.",
    "",
    "The exit status is 3 while somebody holds what overlaps, even if it is the same owner, and 1 if waiting would close a",
    "cycle. With --lease, --task and --node of a node that you run, the locks end with that node. Inside `agentd run` that is",
    "the default.",
  ].join("\n"),
  async run(args, session) {
    if (args.node !== undefined && args.task === undefined) throw new Failure("USAGE", "--node needs --task");
    const request = await readLockRequest(args.key, args);
    const around = nodeFor(args);
    if (around !== undefined && args.ttl !== undefined)
      session.note("these locks last as long as the node's lease; --ttl is for a lease of their own: --own-lease");
    const under = around ?? (await underWhat(session, args));
    const taken = await interruptible(0, ({ stop }) =>
      takeLocks(session, request, under, stop, args["idempotency-key"]),
    );
    if (taken === null) return session.sayNotNow(() => explainHeld(session, request.locks, request.owner));
    const here = await locateHere();
    session.show(taken, () => acquiredText(taken, around === undefined, here));
    return 0;
  },
});

export const heartbeat = command({
  args: { ...leaseArg, ttl: takingArgs.ttl, ...idempotencyKey },
  examples: [["lock heartbeat b1c9d7e2 --ttl 5m", "hold everything under the lease for five more minutes"]],
  async run({ lease, ttl: given, "idempotency-key": idempotency }, session) {
    const ttl_secs = readTtl(given);
    const lease_id = await resolveLockLease(session, lease);
    const kept = await session.call("HeartbeatResourceLock", { lease_id, ttl_secs }, idempotency);
    session.show(kept, () => `held until ${momentText(kept.lease_expires_at)}`);
  },
});

export const release = command({
  args: {
    key: optionalKeysArg,
    lease: option("LEASE", "the lease; without KEY, everything it holds"),
    mine: flag("everything the owner holds, in any scope"),
    owner: option("NAME", "whose locks, if no lease is given ($AGENTD_OWNER)"),
    scope: takingArgs.scope,
  },
  examples: [
    ["lock release --lease b1c9d7e2", "everything the lease holds, when the work is done"],
    ["lock release file:src/lib.rs --lease b1c9d7e2", "one of its keys"],
    ["lock release file:src/lib.rs --owner codex-1", "this owner's lock on it"],
    ["lock release --mine --owner codex-1", "everything the owner holds, except what ends with a node"],
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
    return releaseKeys(session, await resolveKeys(written, scope, "release"), lease_id, owner);
  },
});

export const forceRelease = command({
  args: {
    key: argument("the key, as `agentd lock list` shows it"),
    reason: requiredOption("TEXT", "why, for the journal"),
    scope: takingArgs.scope,
    ...idempotencyKey,
  },
  examples: [[`lock force-release file:src/lib.rs --reason "its agent hangs"`, "revoke the lease that holds it"]],
  notes: [
    "For people, when an agent holds a lock and is not coming back. The holder's whole lease ends, with all its locks. Its",
    "lease_id is refused from then on, and a node that runs under it is PENDING again.",
  ].join("\n"),
  async run({ key, reason, scope, "idempotency-key": idempotency }, session) {
    const { top, ...held } = await keyResolver(scope, "release")(key);
    const done = await session
      .call("ForceReleaseResourceLock", { ...held, reason }, idempotency)
      .catch(async (cause: unknown) => {
        if (!(cause instanceof RequestRefused && cause.kind === "NOT_FOUND")) throw cause;
        const holders = await holdersOf(session, [{ ...held, top }]);
        throw new Failure(
          "NOT_FOUND",
          `nobody holds ${oneLine(held.resource_key, 200)}; see: agentd lock list${holders}`,
        );
      });
    session.show(done, () =>
      done.released
        .map(({ owner, resource_keys: ended }) => `released from ${oneLine(owner, 60)}: ${ended.join(", ")}`)
        .join("\n"),
    );
  },
});

interface Under {
  task?: string | undefined;
  node?: string | undefined;
  lease?: string | undefined;
  owner?: string | undefined;
  "own-lease"?: boolean | undefined;
}

/** The node around this command, whose worker takes the locks unless it says otherwise. */
function nodeFor({ task, node, lease, owner, "own-lease": ownLease }: Under): NodeAround | undefined {
  const saysOtherwise = ownLease === true || [task, node, lease].some((given) => given !== undefined);
  const isAnother = owner !== undefined && owner !== process.env.AGENTD_OWNER;
  return saysOtherwise || isAnother ? undefined : nodeAround(process.env);
}

/** What the locks are for, and the lease they are added to, as far as it was said. */
async function underWhat(session: Session, { task, node, lease }: Under) {
  const task_id = task === undefined ? undefined : await resolveTask(session, task);
  const node_id = task_id === undefined || node === undefined ? undefined : await resolveNode(session, task_id, node);
  const lease_id = lease === undefined ? undefined : await leaseOf(session, lease, task_id, node_id);
  return { lease_id, task_id, node_id };
}

/** A lease of locks, or for a node that of its worker. */
async function leaseOf(session: Session, given: string, taskId: string | undefined, nodeId: string | undefined) {
  const ofNode = taskId !== undefined && nodeId !== undefined;
  return ofNode ? resolveLease(session, taskId, given) : resolveLockLease(session, given);
}

function acquiredText({ locks, lease_id, lease_expires_at: until }: GrantedLocks, isOwn: boolean, here: Here): string {
  const left = spanText(until - Date.now() / 1000);
  const names = locks.map((lock) => bold(oneLine(here.nameOf(lock), 200)) + (lock.mode === "shared" ? ", shared" : ""));
  const locked = `locked ${names.join("\n       ")}`;
  if (!isOwn) return `${locked}\nuntil the node's lease ${lease_id} ends`;
  return [
    locked,
    `until ${momentText(until)} (${left}) under lease ${lease_id}`,
    dim(`next: agentd lock heartbeat ${lease_id}`),
    dim(`      agentd lock release --lease ${lease_id}`),
  ].join("\n");
}
