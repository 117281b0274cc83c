import { refuse, type Refusal } from "../core/decision.ts";
import { actions } from "../core/journal.ts";
import { expireLocks, isOver } from "../core/lock.ts";
import { conflict, type LockSituation, type LockWish } from "../core/lock-queue.ts";
import type { Lock } from "../core/model.ts";
import { searchTerms } from "../core/resource-index.ts";
import { limits } from "../protocol/limits.ts";
import { anonymous } from "../protocol/types.ts";
import type { Context } from "./handler.ts";

/** What may let somebody go on who is kept by a lock. */
export const lockEndings: ReadonlySet<string> = new Set([
  actions.releaseLock,
  actions.expireLock,
  actions.forceReleaseLock,
]);

/** What is held and who waits, as one request sees it. */
export interface Situation extends LockSituation {
  /** Leases that were in somebody's way and have expired. */
  readonly over: ReadonlySet<string>;
}

/**
 * `waiting` are those who are in line before whoever asks, or himself in it. A lease that has expired and has not ended
 * yet is `free` to whoever comes, and still `held` to those who wait: they are asked when it ends.
 */
export function lockSituation(
  { store, keys, nowMs }: Context,
  waiting: readonly LockWish[],
  overdue: "free" | "held",
): Situation {
  const over = new Set<string>();
  let left: number = limits.lockComparisonsMax;
  const spend = (comparisons: number) => (left -= comparisons) >= 0;

  return {
    waiting,
    over,
    spend,
    holdsAnything: ({ owner, provider }) => owner !== anonymous && store.holdsAnything(owner, provider),
    *against(wish) {
      for (const wanted of wish.locks) {
        for (const lock of store.locksNear(wanted.scope, searchTerms(wanted.key))) {
          if (lock.leaseId === wish.leaseId) continue;
          if (!spend(1)) {
            yield { tooMany: true };
            return;
          }
          const { scope, mode } = lock;
          if (!conflict(wanted, { scope, mode, key: keys.readLenient(lock.resourceKey, lock.ignoreCase) })) continue;
          if (overdue === "free" && isOver(lock, nowMs)) over.add(lock.leaseId);
          else yield { wanted, lock };
        }
      }
    },
    *before(wish) {
      for (const earlier of waiting) {
        if (earlier === wish) return;
        yield earlier;
      }
    },
  };
}

/** Ends the leases in the way that have expired, oldest grant first: a lock of each. */
export function takeOver(over: ReadonlySet<string>, context: Context): Lock[] {
  const taken = Array.from(over, (leaseId) => context.store.locksOf(leaseId)).flatMap((locks) => locks.slice(0, 1));
  taken.sort((a, b) => a.fencingToken - b.fencingToken);
  expireLeases(
    taken.map(({ leaseId }) => leaseId),
    context,
  );
  return taken;
}

/** Ends leases that have expired. */
export function expireLeases(leaseIds: Iterable<string>, { store, nowMs }: Context): void {
  for (const leaseId of leaseIds) {
    const locks = store.locksOf(leaseId);
    if (isSome(locks)) store.endLocks(locks, expireLocks(locks, nowMs));
  }
}

export function isSome(locks: Lock[]): locks is [Lock, ...Lock[]] {
  return locks.length > 0;
}

export function tooMuchToCompare(): Refusal {
  const max = limits.lockComparisonsMax;
  const message = `comparing these locks with those that are held or waited for would take more than ${max} steps; ask for fewer, or for a directory instead of globs`;
  return refuse("LIMIT_EXCEEDED", message, { limit: "lock_comparisons_max", max });
}
