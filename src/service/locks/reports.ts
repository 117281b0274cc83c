import { isRefusal, refuse, type Refusal } from "../../core/decision.ts";
import { locksEnded, nodeChanged } from "../../core/effects.ts";
import { entryOf, ofNoTask } from "../../core/journal/journal.ts";
import { forceRelease, isOver } from "../../core/locks/lock.ts";
import { type LockWish, meetingOf, type WantedLock } from "../../core/locks/queue.ts";
import type { Lock, LockHead } from "../../core/model.ts";
import { releaseNode } from "../../core/dag/node.ts";
import { absoluteKey } from "../../protocol/key-words.ts";
import { limits } from "../../protocol/limits.ts";
import type { Result } from "../../protocol/methods.ts";
import { anonymous } from "../../protocol/types.ts";
import type { Context, Handlers } from "../handler.ts";
import { readKeys } from "./requests.ts";
import { isSome, lockConflicts, type Conflicts, tooMuchToCompare } from "./conflicts.ts";
import { inTurns } from "../turn/time-budget.ts";
import { lockHolderView, lockView, scopeView } from "../views.ts";

/* What people ask about locks, and what they decide. */

export const lockReportHandlers = {
  CheckResourceLocks({ locks, owner = null }, context) {
    const named = locks ?? [];
    if (named.length === 0) return refuse("INVALID_PARAMS", "params: expected locks or paths, got neither");
    const conflicts = lockConflicts(context, context.lockWishes(), "free");
    const checked: Result<"CheckResourceLocks">["locks"] = [];
    for (const lock of named) {
      const { resource_key, mode } = lock;
      const inScope = scopeView(lock.scope ?? "");
      const spellings = spellingsOf(resource_key, inScope, lock.top ?? null);
      const reportOf = (all: readonly { resource_key: string; scope: string }[]) => {
        const read = readKeys(
          all.map((one) => ({ ...one, mode })),
          context,
        );
        return isRefusal(read)
          ? read
          : reportOn(
              read.map(({ wanted }) => wanted),
              conflicts,
              owner,
              context,
            );
      };
      const report = reportOf(spellings.same);
      if (isRefusal(report)) return report;
      const namesakes = reportOf(spellings.perhaps);
      if (isRefusal(namesakes)) return namesakes;
      checked.push({ resource_key, scope: inScope, mode, ...report, namesakes: namesakes.holders });
    }
    return { locks: checked };
  },

  ListResourceLocks({ scope = null, owner = null, lease_id: leaseId = null }, context) {
    const { reads, nowMs } = context;
    const live = (leaseId === null ? reads.locks.all() : reads.locks.ofLease(leaseId)).filter(
      (lock) =>
        !isOver(lock, nowMs) && (scope === null || lock.scope === scope) && (owner === null || lock.owner === owner),
    );
    const waiting = countWaiting(context);
    return { locks: live.map((lock) => lockView(lock, waiting.get(identity(lock)) ?? 0)) };
  },

  ForceReleaseResourceLock({ resource_key: resourceKey, scope, reason }, context) {
    const { reads, keys, nowMs } = context;
    const inScope = scope ?? "";
    const { normal } = keys.readLenient(resourceKey, keys.ignoresCase(inScope, reads), context.budget);
    const holders = reads.locks.on(inScope, normal).filter((lock) => !isOver(lock, nowMs));
    if (holders.length === 0) return nobodyHolds(resourceKey);
    const released: Result<"ForceReleaseResourceLock">["released"] = [];
    const end = (holder: Lock, now: Context) => {
      released.push(...endLease(holder, reason, now));
      return true;
    };
    return inTurns(holders, end, () => ({ ok: true as const, released, seq: reads.head.seq }), context);
  },

  RecordGuardBypass({ guard, resource_keys, count, owner, scope = null }, context) {
    const id = context.newId();
    const payload = { guard, owner, scope, resource_keys, count };
    const entry = entryOf("GUARD_BYPASS", { id, ...ofNoTask }, payload, context.nowMs);
    return { event_id: id, seq: context.apply({ kind: "appendEvent", entry }) };
  },
} satisfies Partial<Handlers>;

/**
 * How a key of a repository may be written in the global scope: by its absolute path, which names the same, and as it is,
 * which names a path of whatever directory the holder stands in.
 */
function spellingsOf(resource_key: string, scope: string | null, top: string | null) {
  const same = [{ resource_key, scope: scope ?? "" }];
  const absolute = scope === null || top === null ? null : absoluteKey(resource_key, top);
  if (absolute === null) return { same, perhaps: [] };
  return { same: [...same, { resource_key: absolute, scope: "" }], perhaps: [{ resource_key, scope: "" }] };
}

type Report = Omit<Result<"CheckResourceLocks">["locks"][number], "resource_key" | "scope" | "mode" | "namesakes">;

function reportOn(
  locks: readonly WantedLock[],
  conflicts: Conflicts,
  owner: string | null,
  { reads }: Context,
): Report | Refusal {
  const wish: LockWish = { locks, leaseId: null, owner: owner ?? anonymous, provider: null, sinceMs: 0 };
  const holders = new Map<string, LockHead>();
  for (const obstacle of conflicts.against(wish)) {
    if ("tooMuch" in obstacle) return tooMuchToCompare();
    if (holders.size < limits.lockPartiesShownMax) holders.set(identity(obstacle.lock), obstacle.lock);
  }
  const waiting = conflicts.waiting.flatMap((waiter) => {
    const meeting = meetingOf(waiter, { locks }, conflicts.budget);
    return meeting === null ? [] : [{ waiter, meets: meeting.wanted }];
  });
  if (conflicts.budget.isSpent) return tooMuchToCompare();
  const shown = [...holders.values()].toSorted(byAge).flatMap((head) => reads.locks.find(head) ?? []);
  const isOwn = (its: { owner: string }) => owner !== null && its.owner === owner;
  return {
    free: [...holders.values()].every(isOwn) && waiting.every(({ waiter }) => isOwn(waiter)),
    holders: shown.map((lock) => lockHolderView(lock, isOwn(lock))),
    waiting: waiting.slice(0, limits.lockPartiesShownMax).map(({ waiter, meets }) => ({
      resource_key: meets.key.written,
      scope: scopeView(meets.scope),
      mode: meets.mode,
      owner: waiter.owner,
      provider: waiter.provider,
      since_ms: waiter.sinceMs,
    })),
  };
}

/** The oldest grant first, and of one grant by key. */
function byAge(a: LockHead, b: LockHead): number {
  return a.fencingToken - b.fencingToken || (a.resourceKey < b.resourceKey ? -1 : 1);
}

/** How many requests wait for each lock, as far as that can be found out in one request's time. */
function countWaiting(context: Context): Map<string, number> {
  const counts = new Map<string, number>();
  const conflicts = lockConflicts(context, context.lockWishes(), "free");
  for (const wish of conflicts.waiting) {
    const met = new Set<string>();
    for (const obstacle of conflicts.against(wish)) {
      if ("tooMuch" in obstacle) return counts;
      met.add(identity(obstacle.lock));
    }
    for (const lock of met) counts.set(lock, (counts.get(lock) ?? 0) + 1);
  }
  return counts;
}

const identity = ({ leaseId, scope, normalKey }: LockHead) => JSON.stringify([leaseId, scope, normalKey]);

/** Ends a lease with all it holds; the node that runs under it is PENDING again, its attempt not counted. */
function endLease(holder: Lock, reason: string, { apply, reads, nowMs }: Context) {
  const { leaseId, owner, provider, taskId, nodeId } = holder;
  const locks = reads.locks.ofLease(leaseId);
  if (!isSome(locks)) return [];
  apply(locksEnded(locks, forceRelease(locks, reason, nowMs)));
  if (holder.endsWithNode && taskId !== null && nodeId !== null) {
    const given = releaseNode(reads.nodes.head(nodeId), { taskId, nodeId, leaseId }, 0, nowMs);
    if (isRefusal(given)) throw new Error(given.message);
    apply(nodeChanged(given));
  }
  const resource_keys = locks.map(({ resourceKey }) => resourceKey);
  return [{ lease_id: leaseId, owner, provider, task_id: taskId, node_id: nodeId, resource_keys }];
}

function nobodyHolds(resourceKey: string): Refusal {
  const message = `nobody holds ${resourceKey}; CheckResourceLocks shows who holds what overlaps with it`;
  return refuse("NOT_FOUND", message, { resource_key: resourceKey });
}
