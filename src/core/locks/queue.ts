import { anonymous, type LockMode } from "../../protocol/types.ts";
import type { LockHead } from "../model.ts";
import { compatible, overlaps } from "./overlap.ts";
import type { ResourceKey } from "./resource-key.ts";
import type { WorkBudget } from "../work-budget.ts";

/*
 * Who goes first where several want what overlaps. A wish is granted once nothing stands in its way: no lock of another
 * lease, and no wish that came earlier, so that none is overtaken for ever. Pure: what is held and who waits is asked of
 * a `LockConflicts`.
 */

/** One key of a wish or of a lock, as it is compared. */
export interface WantedLock {
  /** Whose paths are meant; `""` is the global scope. */
  scope: string;
  key: ResourceKey;
  mode: LockMode;
}

/** Locks somebody wants at once, all or none. */
export interface LockWish {
  locks: readonly WantedLock[];
  /** The lease they are to be added to; its own locks are in nobody's way. */
  leaseId: string | null;
  owner: string;
  provider: string | null;
  sinceMs: number;
}

/** What stands in the way of one key of a wish. */
export type Obstacle =
  { wanted: WantedLock; lock: LockHead } | { wanted: WantedLock; earlier: LockWish; meets: WantedLock } | TooMuch;

/** Finding out takes more comparing than one request may cost. `lock` is the one it came to. */
export interface TooMuch {
  tooMuch: { lock: LockHead | null };
}

export interface LockConflicts {
  /** Live locks of other leases that conflict with the wish; `tooMuch` ends them early. */
  against(wish: LockWish): Iterable<{ wanted: WantedLock; lock: LockHead } | TooMuch>;
  /** Whether the wish's owner and provider are somebody who holds anything. */
  holdsAnything(wish: LockWish): boolean;
  /** All who wait, first come first. */
  readonly waiting: readonly LockWish[];
  /** Those of them that came before the wish, which may itself wait. */
  before(wish: LockWish): Iterable<LockWish>;
  /** What comparing may still cost. */
  readonly budget: WorkBudget;
}

/** Whether two keys cannot be had by two leases at once. */
export function conflict(a: WantedLock, b: WantedLock, budget: WorkBudget): boolean {
  budget.spend(1);
  return a.scope === b.scope && !compatible(a.mode, b.mode) && overlaps(a.key, b.key, budget);
}

const none: ReadonlySet<LockWish> = new Set();

/** All that stands in the way of a wish, held locks first, but for earlier wishes that are `known` already. */
export function* obstacles(wish: LockWish, conflicts: LockConflicts, known = none): Iterable<Obstacle> {
  yield* conflicts.against(wish);
  for (const earlier of conflicts.before(wish)) {
    if (known.has(earlier)) continue;
    const meeting = meetingOf(wish, earlier, conflicts.budget);
    if (conflicts.budget.isSpent) {
      yield { tooMuch: { lock: lockNear(earlier, conflicts) } };
      return;
    }
    // Who waits for this very lease cannot go on before it anyway.
    if (meeting !== null && !waitsForLease(earlier, wish.leaseId, conflicts)) yield { ...meeting, earlier };
  }
}

/** A lock that a waiter may wait for; where there is time to find out, one it waits for. */
function lockNear(waiter: LockWish, conflicts: LockConflicts): LockHead | null {
  for (const obstacle of conflicts.against(waiter)) return "lock" in obstacle ? obstacle.lock : obstacle.tooMuch.lock;
  return null;
}

export function firstObstacle(wish: LockWish, conflicts: LockConflicts): Obstacle | null {
  for (const obstacle of obstacles(wish, conflicts)) return obstacle;
  return null;
}

/** Which lease has to end before a wish can be granted; null where nobody can say. */
export type Blocked = { leaseId: string | null } | TooMuch;

/** Whether the wish can be granted, or what has to be before. */
export function blockingLease(wish: LockWish, conflicts: LockConflicts): "none" | Blocked {
  const seen = new Set<LockWish>([wish]);
  const queue = [wish];
  let isFree = true;
  for (const waiter of queue) {
    for (const obstacle of obstacles(waiter, conflicts)) {
      isFree = false;
      if ("tooMuch" in obstacle) return obstacle;
      if ("lock" in obstacle) return { leaseId: obstacle.lock.leaseId };
      if (!seen.has(obstacle.earlier)) queue.push(obstacle.earlier);
      seen.add(obstacle.earlier);
    }
  }
  return isFree ? "none" : { leaseId: null };
}

/** Whether a lock belongs to the party that has this wish. */
export function isParty(wish: LockWish, lock: Pick<LockHead, "leaseId" | "owner" | "provider">): boolean {
  if (wish.leaseId !== null) return wish.leaseId === lock.leaseId;
  return wish.owner !== anonymous && wish.owner === lock.owner && wish.provider === lock.provider;
}

/** The first two keys of two wishes that conflict; none once the budget is spent. */
export function meetingOf(
  wish: Pick<LockWish, "locks">,
  earlier: Pick<LockWish, "locks">,
  budget: WorkBudget,
): { wanted: WantedLock; meets: WantedLock } | null {
  for (const wanted of wish.locks) {
    const meets = earlier.locks.find((other) => budget.isSpent || conflict(wanted, other, budget));
    if (budget.isSpent) return null;
    if (meets !== undefined) return { wanted, meets };
  }
  return null;
}

function waitsForLease(waiter: LockWish, leaseId: string | null, conflicts: LockConflicts): boolean {
  if (leaseId === null) return false;
  for (const obstacle of conflicts.against(waiter)) {
    if ("lock" in obstacle && obstacle.lock.leaseId === leaseId) return true;
  }
  return false;
}
