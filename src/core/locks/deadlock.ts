import type { LockHead } from "../model.ts";
import { isParty, type LockConflicts, type LockWish, obstacles, type WantedLock } from "./queue.ts";

/** One step of a circle: who waits with which key, and for whom. */
export interface Link {
  waiter: LockWish;
  wanted: WantedLock;
  /** Who holds what is waited for, or waits for it before. */
  holder: LockHead | LockWish;
  /** The key that is held, or waited for. */
  meets: string;
}

/**
 * The circle a wish would close by waiting: it ends with a lock of the very party that wishes. Null where waiting closes
 * none; `tooMuch` where that could not be found out.
 *
 * A party is the lease a wish is for, else whoever has its owner and provider, as far as that is somebody: wait-for
 * graphs as in Coffman, Elphick and Shoshani, "System Deadlocks" (1971), with a search from the one edge that is new.
 */
export function circleOf(wish: LockWish, conflicts: LockConflicts): Link[] | "tooMuch" | null {
  // Who holds nothing keeps nobody waiting.
  if (wish.leaseId === null && !conflicts.holdsAnything(wish)) return null;
  const seen = new Set<LockWish>();

  function follow(waiter: LockWish, trail: readonly Link[]): Link[] | "tooMuch" | null {
    const next: { link: Link; waiters: LockWish[] }[] = [];
    const leases = new Set<string>();
    for (const obstacle of obstacles(waiter, conflicts, seen)) {
      if ("tooMuch" in obstacle) return "tooMuch";
      if ("earlier" in obstacle) {
        const { wanted, earlier, meets } = obstacle;
        next.push({ link: { waiter, wanted, holder: earlier, meets: meets.key.written }, waiters: [earlier] });
        continue;
      }
      const { wanted, lock } = obstacle;
      if (leases.has(lock.leaseId)) continue;
      leases.add(lock.leaseId);
      const link = { waiter, wanted, holder: lock, meets: lock.resourceKey };
      if (isParty(wish, lock)) return [...trail, link];
      next.push({ link, waiters: conflicts.waiting.filter((other) => isParty(other, lock)) });
    }
    for (const { link, waiters } of next) {
      for (const other of waiters) {
        if (seen.has(other)) continue;
        seen.add(other);
        const circle = follow(other, [...trail, link]);
        if (circle !== null) return circle;
      }
    }
    return null;
  }
  return follow(wish, []);
}
