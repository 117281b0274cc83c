import { refuse, type Refusal } from "../../core/decision.ts";
import { locksEnded } from "../../core/effects.ts";
import { expireLocks, isOver } from "../../core/locks/lock.ts";
import { conflict, type LockConflicts, type LockWish, type WantedLock } from "../../core/locks/queue.ts";
import type { LockHead } from "../../core/model.ts";
import { searchTerms, type SearchTerms } from "../../core/locks/resource-index.ts";
import { limits } from "../../protocol/limits.ts";
import { anonymous } from "../../protocol/types.ts";
import type { Context } from "../handler.ts";
import { hasTime } from "../turn/time-budget.ts";

/** What is held and who waits, as one request sees it. */
export interface Conflicts extends LockConflicts {
  /** Leases that were in somebody's way and have expired: a lock of each. */
  readonly over: ReadonlyMap<string, LockHead>;
}

/**
 * `waiting` are those who are in line before whoever asks, or himself in it. A lease that has expired and has not ended
 * yet is `free` to whoever comes, and still `held` to those who wait: they are asked when it ends.
 */
export function lockConflicts(
  { reads, keys, budget, nowMs }: Context,
  waiting: readonly LockWish[],
  overdue: "free" | "held",
): Conflicts {
  const over = new Map<string, LockHead>();
  return {
    waiting,
    over,
    budget,
    holdsAnything: ({ owner, provider }) => owner !== anonymous && reads.locks.holdsAnything(owner, provider),
    *against(wish) {
      for (const { scope, terms, wanting } of lookups(wish.locks)) {
        budget.spend(lookupSteps);
        for (const lock of reads.locks.near(scope, terms)) {
          budget.spend(lockSteps + (lock.owner.length + (lock.provider?.length ?? 0)) / charsAStep);
          if (lock.leaseId === wish.leaseId) continue;
          const key = keys.readLenient(lock.resourceKey, lock.ignoreCase, budget);
          for (const wanted of wanting) {
            if (budget.isSpent) {
              yield { tooMuch: { lock } };
              return;
            }
            if (!conflict(wanted, { scope, mode: lock.mode, key }, budget)) continue;
            if (overdue === "free" && isOver(lock, nowMs)) over.set(lock.leaseId, lock);
            else yield { wanted, lock };
          }
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

/** What it costs to look for locks in one place, and to read one; in steps. */
const lookupSteps = 150;
const lockSteps = 200;
/** Characters of names that are read in the time of one. */
const charsAStep = 8;

interface Lookup {
  scope: string;
  terms: SearchTerms;
  /** The keys that look there. */
  wanting: WantedLock[];
}

/** Where keys look for locks, each place once, so that a directory over many files is not read for each of them. */
function lookups(locks: readonly WantedLock[]): Iterable<Lookup> {
  const found = new Map<string, Lookup>();
  const add = (wanted: WantedLock, name: string, terms: SearchTerms) => {
    const { scope } = wanted;
    const lookup = found.get(`${scope}\0${name}`);
    if (lookup === undefined) found.set(`${scope}\0${name}`, { scope, terms, wanting: [wanted] });
    else lookup.wanting.push(wanted);
  };
  for (const wanted of locks) {
    const { exact, ranges } = searchTerms(wanted.key);
    const isInRange = (term: string) => ranges.some(({ from, to }) => from <= term && term < to);
    for (const term of exact) if (!isInRange(term)) add(wanted, `=${term}`, { exact: [term], ranges: [] });
    for (const range of ranges) add(wanted, `>${range.from}`, { exact: [], ranges: [range] });
  }
  return found.values();
}

/** Ends the leases in the way that have expired, oldest grant first: a lock of each. Null when there was no time for all. */
export function takeOver(over: ReadonlyMap<string, LockHead>, context: Context): LockHead[] | null {
  const taken = [...over.values()].toSorted((a, b) => a.fencingToken - b.fencingToken);
  const timeLeft = hasTime(context);
  for (const [index, { leaseId }] of taken.entries()) {
    if (index > 0 && !timeLeft()) return null;
    expireLeases([leaseId], context);
  }
  return taken;
}

/** Ends leases that have expired. */
export function expireLeases(leaseIds: Iterable<string>, { apply, reads, nowMs }: Context): void {
  for (const leaseId of leaseIds) {
    const locks = reads.locks.ofLease(leaseId);
    if (isSome(locks)) apply(locksEnded(locks, expireLocks(locks, nowMs)));
  }
}

export function isSome(locks: LockHead[]): locks is [LockHead, ...LockHead[]] {
  return locks.length > 0;
}

export function tooMuchToCompare(): Refusal<"LIMIT_EXCEEDED"> {
  const max = limits.lockStepsMax;
  const message = `comparing these locks with those that are held or waited for would take more than ${max} steps; ask for fewer, or for a directory instead of globs`;
  return refuse("LIMIT_EXCEEDED", message, { limit: "lock_steps_max", max });
}
