import { type Decision, isRefusal, refuse, type Unusable } from "../../core/decision.ts";
import { locksEnded, nodeChanged } from "../../core/effects.ts";
import { entryOf, ofNoTask } from "../../core/journal/journal.ts";
import { forceRelease, isOver } from "../../core/locks/lock.ts";
import { type LockWish, meetingOf } from "../../core/locks/queue.ts";
import type { LockHead } from "../../core/model.ts";
import { releaseNode } from "../../core/dag/node.ts";
import { absoluteKey } from "../../protocol/key-words.ts";
import { limits } from "../../protocol/limits.ts";
import type { Result } from "../../protocol/methods.ts";
import { anonymous, type LockMode } from "../../protocol/types.ts";
import type { Metadata } from "../../store/reads.ts";
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
    const found: { key: Pick<Checked, "resource_key" | "scope" | "mode">; same: KeyReport; perhaps: KeyReport }[] = [];
    for (const { resource_key, mode, scope = null, top = null } of named) {
      const spellings = spellingsOf(resource_key, scopeView(scope ?? ""), top);
      const same = reportOn(spellings.same, mode, conflicts, owner, context);
      if (isRefusal(same)) return same;
      const perhaps = reportOn(spellings.perhaps, mode, conflicts, owner, context);
      if (isRefusal(perhaps)) return perhaps;
      found.push({ key: { resource_key, scope: scopeView(scope ?? ""), mode }, same, perhaps });
    }
    // All is of this moment, however many turns it takes to read what the holders say.
    const holders = new Map(
      found.flatMap(({ same, perhaps }) => [...same.holders, ...perhaps.holders]).map((lock) => [identity(lock), lock]),
    );
    const metadata = new MetadataReader();
    const told = new Map<string, Metadata["told"]>();
    const read = (lock: LockHead, now: Context) => {
      told.set(identity(lock), metadata.read(lock, now));
      return true;
    };
    const reply = () => {
      const views = (heads: readonly LockHead[]) =>
        heads.map((lock) => lockHolderView(lock, told.get(identity(lock)) ?? null, isOf(owner, lock)));
      const checked = found.map(({ key, same: { free, holders: held, waiting }, perhaps }) => {
        return { ...key, free, holders: views(held), waiting, namesakes: views(perhaps.holders) };
      });
      return charsOf(checked) > limits.lockReportCharsMax ? tooMuchToTell("ask about fewer keys") : { locks: checked };
    };
    return inTurns(holders.values(), read, reply, context);
  },

  ListResourceLocks({ scope = null, owner = null, lease_id: leaseId = null }, context) {
    const { reads, nowMs } = context;
    const seq = reads.head.seq;
    const listed: { lock: LockHead; told: Metadata["told"] }[] = [];
    const metadata = new MetadataReader();
    let chars = 0;
    const fits = () => chars <= limits.lockReportCharsMax;
    const read = (lock: LockHead, now: Context): boolean => {
      const taken = lock.owner.length + (lock.provider?.length ?? 0);
      now.slices.spend(1, taken);
      if (isOver(lock, nowMs) || (scope !== null && lock.scope !== scope) || (owner !== null && lock.owner !== owner))
        return true;
      listed.push({ lock, told: metadata.read(lock, now) });
      chars += taken;
      return fits();
    };
    const reply = (now: Context) => {
      if (!fits()) return tooMuchToTell("ask for those of one scope, owner or lease_id");
      // Who takes a key in between is not listed beside who had it.
      const held = now.reads.head.seq === seq ? listed : listed.filter(({ lock }) => now.reads.locks.isHeld(lock));
      const waiting = countWaiting(now);
      return {
        locks: held
          .toSorted((a, b) => byKey(a.lock, b.lock))
          .map(({ lock, told }) => lockView(lock, told, waiting.get(identity(lock)) ?? 0)),
      };
    };
    return inTurns(leaseId === null ? allHeads(context) : reads.locks.ofLease(leaseId), read, reply, context);
  },

  ForceReleaseResourceLock({ resource_key: resourceKey, scope, reason }, context) {
    const { reads, keys, nowMs } = context;
    const inScope = scope ?? "";
    const { normal } = keys.readLenient(resourceKey, keys.ignoresCase(inScope, reads), context.budget);
    const holders = reads.locks.on(inScope, normal).filter((lock) => !isOver(lock, nowMs));
    if (holders.length === 0) return nobodyHolds(resourceKey);
    const released: Result<"ForceReleaseResourceLock">["released"] = [];
    const end = (holder: LockHead, now: Context) => {
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

type Checked = Result<"CheckResourceLocks">["locks"][number];

/** Who is in the way of a key, before what they say is read. */
interface KeyReport extends Pick<Checked, "free" | "waiting"> {
  holders: readonly LockHead[];
}

const isOf = (owner: string | null, its: { owner: string }) => owner !== null && its.owner === owner;

function reportOn(
  spellings: readonly { resource_key: string; scope: string }[],
  mode: LockMode,
  conflicts: Conflicts,
  owner: string | null,
  context: Context,
): Decision<KeyReport, Unusable> {
  const named = spellings.map((one) => ({ ...one, mode }));
  const read = readKeys(named, context);
  if (isRefusal(read)) return read;
  const locks = read.map(({ wanted }) => wanted);
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
  return {
    free: [...holders.values()].every((its) => isOf(owner, its)) && waiting.every(({ waiter }) => isOf(owner, waiter)),
    holders: [...holders.values()].toSorted(byAge),
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

/** Reads what the holders of locks say, as far as it is not too much for one answer. */
class MetadataReader {
  #left: number = limits.lockMetadataToldMax;

  /** Null where it is too much, or the lock has ended meanwhile. */
  read(lock: LockHead, { reads, slices }: Context): Metadata["told"] {
    const metadata = reads.locks.metadata(lock, this.#left);
    const told = metadata?.told ?? null;
    const bytes = told === null ? 0 : (metadata?.bytes ?? 0);
    slices.spend(1, bytes);
    this.#left -= bytes;
    return told;
  }
}

/** What is read of locks between two looks at the clock. */
const headsAtOnce = { rows: 250, chars: 256 << 10 };

/** All locks on record. */
function* allHeads({ reads }: Context): Generator<LockHead, void> {
  for (let place = 0; ;) {
    const some = reads.locks.list(place, headsAtOnce);
    const last = some.at(-1);
    if (last === undefined) return;
    yield* some;
    ({ place } = last);
  }
}

function byKey(a: LockHead, b: LockHead): number {
  if (a.resourceKey !== b.resourceKey) return a.resourceKey < b.resourceKey ? -1 : 1;
  if (a.scope !== b.scope) return a.scope < b.scope ? -1 : 1;
  return a.fencingToken - b.fencingToken;
}

/** Characters of what may be long in an answer. */
function charsOf(checked: readonly Checked[]): number {
  const parties = checked.flatMap(({ holders, namesakes, waiting }) => [
    ...[...holders, ...namesakes].map(({ intent, ...its }) => [intent, its.owner, its.provider, its.resource_key]),
    ...waiting.map((its) => [its.owner, its.provider, its.resource_key]),
  ]);
  return parties.flat().reduce((sum, text) => sum + (text?.length ?? 0), 0);
}

function tooMuchToTell(instead: string) {
  const max = limits.lockReportCharsMax;
  const message = `telling who holds these locks would take more than ${max} characters of names and intents; ${instead}`;
  return refuse("LIMIT_EXCEEDED", message, { limit: "lock_report_chars_max", max });
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
function endLease(holder: LockHead, reason: string, { apply, reads, nowMs }: Context) {
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

function nobodyHolds(resourceKey: string) {
  const message = `nobody holds ${resourceKey}; CheckResourceLocks shows who holds what overlaps with it`;
  return refuse("NOT_FOUND", message, { resource_key: resourceKey });
}
