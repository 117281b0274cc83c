import type { BundleRecord } from "../../core/bundles/bundle.ts";
import { pathsListed } from "../../core/bundles/pair.ts";
import { compareBundles } from "../../core/bundles/compare.ts";
import { type EntryOf, entryOf } from "../../core/journal/journal.ts";
import type { LockHead } from "../../core/model.ts";
import { WorkBudget } from "../../core/work-budget.ts";
import { limits } from "../../protocol/limits.ts";
import type { Result } from "../../protocol/methods.ts";
import type { Context } from "../handler.ts";
import { lockConflicts } from "../locks/conflicts.ts";

type Overlaps = Result<"SubmitPatchBundle">["overlaps"];

/** Characters of other diffs that are read for one submission: more would keep other clients waiting. */
const readMax = 256 << 10;
/** What the comparison with held locks may cost: storing the bundle has its cost, too. */
const notingStepsMax = limits.lockStepsMax / 2;
/** Leases that are named of those a patch meets. */
const leasesNamedMax = 20;

/** How a new bundle stands to open ones; to those for whose diffs there is no time the relation is `unknown`. */
export function overlapsOf(bundleId: string, others: readonly BundleRecord[], { reads, bundles }: Context): Overlaps {
  const own = bundles.bundle(bundleId, reads);
  let left = readMax;
  return others.flatMap((other): Overlaps => {
    const { bundleId: otherId, owner, provider, diffChars } = other;
    const about = { bundle_id: otherId, owner, provider };
    left -= bundles.knows(otherId) ? 0 : diffChars;
    const theirs = left < 0 ? null : bundles.bundle(otherId, reads);
    if (own === null || theirs === null)
      return [{ ...about, relation: "unknown", container: null, paths: [], path_count: 0 }];
    const work = compareBundles([own, theirs], null);
    let step = work.next();
    while (step.done !== true) step = work.next();
    const [pair] = step.value.pairs;
    if (pair === undefined || (pair.relation === "disjoint" && pair.container === null)) return [];
    const paths = [...new Set(pair.paths.map(({ path }) => path))].slice(0, pathsListed(1));
    return [{ ...about, relation: pair.relation, container: pair.container, paths, path_count: pair.pathCount }];
  });
}

/** Journals, as `conflict` events, where a patch is in paths that others have locked. */
export function noteLockedPaths(bundle: BundleRecord, paths: readonly string[], context: Context): void {
  const { apply, reads, keys } = context;
  const { owner, provider, scope } = bundle;
  if (reads.locks.ignoresCase(scope) === null) return;
  const budget = new WorkBudget(notingStepsMax);
  const ignoreCase = keys.ignoresCase(scope, reads);
  const locks = paths.map((path) => {
    return { scope, key: keys.readLenient(`file:${path}`, ignoreCase, budget), mode: "exclusive" as const };
  });
  const wish = { locks, leaseId: null, owner, provider, sinceMs: context.nowMs };
  let uncompared: LockHead | null = null;
  const met = new Map<string, { lock: LockHead; paths: Set<string> }>();
  for (const obstacle of lockConflicts({ ...context, budget }, [], "free").against(wish)) {
    if ("tooMuch" in obstacle) {
      uncompared = obstacle.tooMuch.lock;
      break;
    }
    const { lock, wanted } = obstacle;
    if (lock.owner === owner && lock.provider === provider) continue;
    const found = met.get(lock.leaseId) ?? { lock, paths: new Set() };
    found.paths.add(wanted.key.written.slice("file:".length));
    met.set(lock.leaseId, found);
  }
  const oldest = [...met.values()].toSorted((a, b) => a.lock.fencingToken - b.lock.fencingToken);
  for (const { lock, paths: shared } of oldest.slice(0, leasesNamedMax)) {
    const summary = `the patch bundle of ${owner} touches what ${lock.owner} has locked as ${lock.resourceKey}`;
    const told = paths.filter((path) => shared.has(path)).slice(0, pathsListed(1));
    const entry = conflictEntry(bundle, lock, summary, told, context);
    apply({ kind: "appendEvent", entry });
  }
  if (uncompared === null) return;
  const summary = `the patch bundle of ${owner} touches ${paths.length} paths, which are more than could be compared with all locks: not with ${uncompared.resourceKey} of ${uncompared.owner}, and maybe not with others`;
  apply({ kind: "appendEvent", entry: conflictEntry(bundle, uncompared, summary, [], context) });
}

function conflictEntry(
  { bundleId, taskId, nodeId }: BundleRecord,
  lock: LockHead,
  summary: string,
  paths: string[],
  { newId, nowMs }: Context,
): EntryOf<"conflict"> {
  const others = { owner: lock.owner, provider: lock.provider, lease_id: lock.leaseId };
  const payload = {
    summary,
    paths,
    with: others,
    bundle_id: bundleId,
  };
  // Only an event of a node has an id: it is shown to that node's task, whose workers count on every event to name one.
  const id = nodeId === null ? null : newId();
  return entryOf("conflict", { id, taskId, nodeId }, payload, nowMs);
}
