import { type Decision, isRefusal, refuse } from "../../core/decision.ts";
import { locksEnded } from "../../core/effects.ts";
import { grantLocks, heartbeatLocks, isOver, releaseLocks } from "../../core/locks/lock.ts";
import { circleOf } from "../../core/locks/deadlock.ts";
import { firstObstacle, type LockWish } from "../../core/locks/queue.ts";
import type { LockGrant, LockHead } from "../../core/model.ts";
import { overlaps } from "../../core/locks/overlap.ts";
import { keyBytes } from "../../core/locks/resource-key.ts";
import { topic, topicsOf, type Wait } from "../../core/journal/topics.ts";
import { WorkBudget } from "../../core/work-budget.ts";
import type { ErrorKind } from "../../protocol/errors.ts";
import { limits } from "../../protocol/limits.ts";
import { deadlock } from "./deadlock.ts";
import { inStoredNames } from "../tasks/plan-names.ts";
import type { Context, Handlers, PendingAnswer } from "../handler.ts";
import { grantFor, type LockRequest, lockRequest, lockTtlMs, newLease } from "./requests.ts";
import { lockConflicts, takeOver, tooMuchToCompare } from "./conflicts.ts";
import { deadlineView, grantedLockView, scopeView } from "../views.ts";

export const lockHandlers = {
  AcquireResourceLock(params, context) {
    const { resource_key, mode, scope } = params;
    // What the original's clients may ask for is taken as they wrote it.
    const lenient = (scope ?? null) === null;
    const request = lockRequest([{ resource_key, mode, scope }], params, lenient, context);
    if (isRefusal(request)) return request;
    return acquire(request, context, {
      grant: newLease,
      answer: (grant, seq) => grantedLockView(grant, resource_key, seq),
    });
  },

  AcquireResourceLocks(params, context) {
    const request = lockRequest(params.locks, params, false, context);
    if (isRefusal(request)) return request;
    const locks = request.named.map(({ resource_key, mode, scope }) => ({
      resource_key,
      mode,
      scope: scopeView(scope ?? ""),
    }));
    return acquire(request, context, {
      grant: grantFor,
      answer({ leaseId, expiresAtMs }, seq) {
        return { lease_id: leaseId, fencing_token: seq, ...deadlineView(expiresAtMs), locks, seq };
      },
    });
  },

  HeartbeatResourceLock(params, context) {
    const { apply, reads, nowMs } = context;
    const { claim, claimed, others } = claimOf(params, context);
    const ttlMs = lockTtlMs(params.ttl_secs, context);
    const expiresAtMs = heartbeatLocks(claimed, others, claim, ttlMs, nowMs);
    if (isRefusal(expiresAtMs)) return inStoredNames(expiresAtMs, reads);
    apply({ kind: "extendLocks", leaseId: claim.leaseId, expiresAtMs, ttlMs, nowMs });
    return { ok: true, ...deadlineView(expiresAtMs), seq: reads.head.seq };
  },

  ReleaseResourceLock(params, context) {
    const { apply, nowMs } = context;
    const { claim, claimed, others } = claimOf(params, context);
    const entry = releaseLocks(claimed, others, claim, nowMs);
    if (isRefusal(entry)) return entry;
    context.count("released_resource_locks", claimed.length);
    return { ok: true, seq: apply(locksEnded(claimed, entry)) };
  },
} satisfies Partial<Handlers>;

/** How a method grants locks, and what it then answers. */
interface Granting<T, Kinds extends ErrorKind> {
  grant: (request: LockRequest, context: Context) => Decision<LockGrant, Kinds>;
  answer: (grant: LockGrant, seq: number) => T;
}

/** Grants what nothing stands in the way of; else waits in line for as long as the request says. */
function acquire<T, Kinds extends ErrorKind>(
  request: LockRequest,
  context: Context,
  granting: Granting<T, Kinds>,
): Decision<T | null, Kinds | "LIMIT_EXCEEDED" | "DEADLOCK"> | PendingAnswer<T | null, Kinds | "LIMIT_EXCEEDED"> {
  const { wish, waitMs } = request;
  const taken = take(request, context, "free", granting);
  const isEnding = taken === unfinished;
  if (!isEnding && (taken !== null || waitMs === 0)) return taken;
  const inLine = context.lockWishes();
  const refusal = (isEnding ? null : standstill(wish, inLine, context)) ?? fullLine([...inLine, wish]);
  return refusal ?? waitInLine(request, context, granting, isEnding);
}

/** Why nobody would ever let it go on, as far as that can be found out. */
function standstill(wish: LockWish, inLine: readonly LockWish[], context: Context) {
  const circle = circleOf(wish, lockConflicts(context, inLine, "free"));
  if (circle === "tooMuch") return tooMuchToCompare();
  return circle === null ? null : deadlock(circle, context.nowMs);
}

/** So much in the way has expired that ending it takes more than this turn. */
const unfinished = Symbol("unfinished");

/** Takes the locks at once; null where somebody is in the way. Expired leases in the way end. */
function take<T, Kinds extends ErrorKind>(
  request: LockRequest,
  context: Context,
  overdue: "free" | "held",
  granting: Granting<T, Kinds>,
): Decision<T | null, Kinds | "LIMIT_EXCEEDED"> | typeof unfinished {
  const { apply, nowMs } = context;
  const { wish } = request;
  // Who waits is told of the end of his own lease when it ends.
  if (overdue === "held" && wish.leaseId !== null && isOverdue(wish.leaseId, context)) return null;
  const grant = granting.grant(request, context);
  if (isRefusal(grant)) return grant;
  const conflicts = lockConflicts(context, context.lockWishes(), overdue);
  const obstacle = firstObstacle(wish, conflicts);
  if (obstacle !== null) return "tooMuch" in obstacle ? tooMuchToCompare() : null;
  const over = takeOver(conflicts.over, context);
  if (over === null) return unfinished;
  const seq = apply({ kind: "grantLocks", grant, entry: grantLocks(grant, over) });
  if (wish.leaseId !== null && !grant.endsWithNode) {
    const { expiresAtMs, ttlMs } = grant;
    apply({ kind: "extendLocks", leaseId: wish.leaseId, expiresAtMs, ttlMs, nowMs });
  }
  context.count("acquired_resource_locks", grant.locks.length);
  return granting.answer(grant, seq);
}

function isOverdue(leaseId: string, { reads, nowMs }: Context): boolean {
  return reads.locks.ofLease(leaseId).some((lock) => isOver(lock, nowMs));
}

/** A lock as the journal tells of its end. */
type EndedLock = {
  resource_key: string;
  scope?: string;
};

/** What finding out may cost whether an ending concerns a waiter, in steps; more, and it is asked. */
const wakingSteps = 2_000;

/**
 * Waits in line. As long as what has expired in the way is still being ended (`isEnding`), it goes on each turn, also for
 * who may not wait.
 */
function waitInLine<T, Kinds extends ErrorKind>(
  request: LockRequest,
  { keys }: Context,
  granting: Granting<T, Kinds>,
  isEnding: boolean,
): PendingAnswer<T | null, Kinds | "LIMIT_EXCEEDED"> {
  const { wish, waitMs, nodeId } = request;
  let ending = isEnding;
  const ignoreCase = request.keys.some((key) => key.ignoreCase);
  const meets = ({ resource_key: written, scope = "" }: EndedLock, budget: WorkBudget) => {
    const ended = keys.readLenient(written, ignoreCase, budget);
    return wish.locks.some(
      (wanted) => budget.isSpent || (wanted.scope === scope && overlaps(wanted.key, ended, budget)),
    );
  };
  // The lease of a node that holds no lock yet ends with that alone.
  const ofNode = wish.leaseId === null || nodeId === null ? [] : [topic.lease(nodeId), topic.lease(null)];
  const endings: Wait = {
    topics: [...ofNode, topic.locks],
    concerns(entry) {
      if (!topicsOf(entry).includes("locks")) return true;
      const { lease_id, locks } = entry.payload as { lease_id: string; locks: EndedLock[] };
      const budget = new WorkBudget(wakingSteps);
      return lease_id === wish.leaseId || locks.some((lock) => meets(lock, budget));
    },
  };
  return {
    lockWish: wish,
    get wakes() {
      return ending ? "turn" : endings;
    },
    keepsOrder: waitMs === 0,
    waitMs: waitMs === 0 ? null : waitMs,
    resume(context, last) {
      const taken = take(request, context, ending ? "free" : "held", granting);
      ending = taken === unfinished;
      if (taken === unfinished || taken === null) return last || (!ending && waitMs === 0) ? { reply: null } : null;
      return { reply: taken };
    },
  };
}

/** The locks a claim names, and who else holds its key. */
function claimOf(
  params: { resource_key?: string | null | undefined; lease_id: string; scope?: string | null | undefined },
  { reads, keys, budget }: Context,
) {
  const { resource_key: resourceKey = null, lease_id: leaseId, scope = null } = params;
  const claim = { leaseId, resourceKey };
  const ofLease = reads.locks.ofLease(leaseId).filter((lock) => scope === null || lock.scope === scope);
  if (resourceKey === null) return { claim, claimed: ofLease, others: [] };
  const normalOf = (ignoreCase: boolean) => keys.readLenient(resourceKey, ignoreCase, budget).normal;
  const claimed = ofLease.filter((lock) => lock.normalKey === normalOf(lock.ignoreCase));
  const inScope = scope ?? "";
  const others: LockHead[] =
    claimed.length > 0 ? [] : reads.locks.on(inScope, normalOf(keys.ignoresCase(inScope, reads)));
  return { claim, claimed, others };
}

/** Why the last of these may not wait: they are too many, or their keys take too much memory meanwhile. */
function fullLine(wishes: readonly LockWish[]) {
  const full = (message: string, limit: string, max: number) => refuse("LIMIT_EXCEEDED", message, { limit, max });
  const { lockWaitersMax: max, lockWaitersBytesMax: bytesMax } = limits;
  const instead = "ask again later, or without wait_ms";
  if (wishes.length > max) return full(`${max} requests already wait for locks; ${instead}`, "lock_waiters_max", max);
  const bytes = wishes.flatMap(({ locks }) => locks).reduce((sum, { key }) => sum + keyBytes(key), 0);
  if (bytes <= bytesMax) return null;
  const message = `the keys of the requests that wait for locks would take more than ${bytesMax >> 20} MiB; ${instead}, or name a directory for many globs`;
  return full(message, "lock_waiters_bytes_max", bytesMax);
}
