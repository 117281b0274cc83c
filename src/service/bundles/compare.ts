import type { BundleAdvice } from "../../core/bundles/advice.ts";
import type { PatchBundle } from "../../core/bundles/bundle.ts";
import { compareBundles, type Decided, type Target } from "../../core/bundles/compare.ts";
import { type Decision, isRefusal, refuse, type Unusable } from "../../core/decision.ts";
import { limits } from "../../protocol/limits.ts";
import type { Params, Result } from "../../protocol/methods.ts";
import { pairView } from "./views.ts";
import { noBundle } from "./bundles.ts";
import type { Context, Handlers, PendingAnswer } from "../handler.ts";
import { noTask } from "../tasks/tasks.ts";
import { present } from "../../protocol/present.ts";

type Comparison = Result<"ComparePatchBundles">;

export const comparisonHandlers = {
  ComparePatchBundles(params, context) {
    const ids = comparedIds(params, context);
    if (isRefusal(ids)) return ids;
    const decided = decidedIds(params, context);
    return isRefusal(decided) ? decided : compareInSlices({ ids, ...decided }, targetOf(params));
  },
} satisfies Partial<Handlers>;

/** The bundles that are meant. */
function comparedIds(
  { bundle_ids: named, task_id: taskId = null, scope = null }: Params<"ComparePatchBundles">,
  { reads }: Context,
): Decision<string[], Unusable | "NOT_FOUND"> {
  if (named !== null && named !== undefined) {
    const ids = [...new Set(named)];
    const unknown = ids.find((id) => reads.bundles.find(id) === null);
    return unknown === undefined ? ids : noBundle(unknown);
  }
  if (taskId === null && scope === null) {
    return refuse("INVALID_PARAMS", "params: expected bundle_ids, task_id or scope, got none of them");
  }
  if (taskId !== null && reads.tasks.find(taskId) === null) return noTask(taskId);
  const max = limits.bundlesComparedMax;
  const ids = reads.bundles.openOf({ scope, taskId }, max + 1);
  if (ids.length <= max) return ids;
  const message = `there are more than ${max} open bundles; name at most ${max} with bundle_ids, or decide on some`;
  return refuse("LIMIT_EXCEEDED", message, { limit: "bundles_compared_max", max });
}

/** What is to be compared: bundles, each with each, and with those that are decided. */
interface Compared {
  ids: readonly string[];
  accepted: readonly string[];
  /** With the seq of their decision. */
  rejected: ReadonlyMap<string, number>;
}

function decidedIds(
  { accepted_since: since, rejected_ids: rejectedIds }: Params<"ComparePatchBundles">,
  { reads }: Context,
): Decision<Pick<Compared, "accepted" | "rejected">, Unusable | "NOT_FOUND"> {
  const accepted = [...new Set(Object.values(since ?? {}).flat())];
  const max = limits.bundlesComparedMax;
  if (accepted.length > max) {
    const message = `accepted_since names ${accepted.length} bundles; name at most ${max}`;
    return refuse("LIMIT_EXCEEDED", message, { limit: "bundles_compared_max", max, got: accepted.length });
  }
  const unknown = [...accepted, ...rejectedIds].find((id) => reads.bundles.find(id) === null);
  if (unknown !== undefined) return noBundle(unknown);
  const rejected = new Map<string, number>();
  for (const id of rejectedIds) {
    const { status, decision } = present(reads.bundles.find(id), "bundle", id);
    if (status !== "REJECTED")
      return refuse("INVALID_PARAMS", `params.rejected_ids: bundle ${id} is not REJECTED; leave it out`);
    rejected.set(id, present(decision, "the decision of bundle", id).seq);
  }
  return { accepted, rejected };
}

function targetOf(params: Params<"ComparePatchBundles">): Target | null {
  const { target_revision: revision, changed_since: changed, accepted_since: accepted } = params;
  if (revision === null || revision === undefined) return null;
  const byRevision = (lists: typeof changed) => new Map(Object.entries(lists ?? {}));
  return { revision, changedSince: byRevision(changed), acceptedSince: byRevision(accepted) };
}

/** Reads and compares in slices between other requests: what bundles carry does not change meanwhile. */
function compareInSlices(
  { ids, accepted, rejected }: Compared,
  target: Target | null,
): PendingAnswer<Comparison, "NOT_FOUND"> {
  const all = [...ids, ...accepted, ...rejected.keys()];
  const read: PatchBundle[] = [];
  let work: Generator<void, Comparison> | null = null;
  return {
    wakes: "turn",
    waitMs: null,
    resume(context, last) {
      if (last) return null;
      const { reads, bundles, slices } = context;
      const next = all[read.length];
      if (next !== undefined) {
        const bundle = bundles.bundle(next, reads);
        if (bundle === null) return { reply: noBundle(next) };
        read.push(bundle);
        return null;
      }
      const steps = (work ??= compareAndReport(parted(read, { ids, accepted, rejected }), target, context));
      let report: Comparison | null = null;
      slices.goOn(() => {
        const step = steps.next();
        if (step.done !== true) return "more";
        report = step.value;
        return "done";
      });
      return report === null ? null : { reply: report };
    },
  };
}

function parted(read: readonly PatchBundle[], { ids, accepted, rejected }: Compared) {
  const byId = new Map(read.map((bundle) => [bundle.bundleId, bundle]));
  const bundle = (id: string) => present(byId.get(id), "bundle", id);
  const refused = Array.from(rejected, ([id, decidedSeq]) => ({ bundle: bundle(id), decidedSeq }));
  const decided: Decided = { accepted: accepted.map(bundle), rejected: refused };
  return { bundles: ids.map(bundle), decided };
}

/** Pairs that are put into the terms of the wire between two pauses. */
const pairsAtOnce = 500;

function* compareAndReport(
  { bundles: read, decided }: { bundles: readonly PatchBundle[]; decided: Decided },
  target: Target | null,
  { reads }: Context,
): Generator<void, Comparison> {
  const { pairs, bundles, mergeOrder } = yield* compareBundles(read, target, decided);
  const told: Comparison["pairs"] = [];
  for (let from = 0; from < pairs.length; from += pairsAtOnce) {
    told.push(...pairs.slice(from, from + pairsAtOnce).map(pairView));
    yield;
  }
  return {
    pairs: told,
    bundles: bundles.flatMap((advice) => {
      const bundle = reads.bundles.find(advice.bundleId);
      if (bundle === null) return [];
      const { owner, provider, status, confidence } = bundle;
      return [{ bundle_id: advice.bundleId, owner, provider, status, confidence, ...adviceView(advice) }];
    }),
    merge_order: mergeOrder,
  };
}

function adviceView(advice: BundleAdvice) {
  return {
    stale: advice.stale,
    changed_since: advice.changedSince === null ? null : [...advice.changedSince],
    verification: advice.verification,
    contradictions: advice.contradictions.map(({ bundleId: bundle_id, mine, theirs }) => ({ bundle_id, mine, theirs })),
    contains: advice.contains.map(({ bundleId: bundle_id, rejected }) => ({ bundle_id, rejected })),
    less_confident_than: [...advice.lessConfidentThan],
    recommendation: advice.recommendation,
    reasons: [...advice.reasons],
  };
}
