import type { BundleAdvice } from "../../core/bundles/advice.ts";
import type { PatchBundle } from "../../core/bundles/bundle.ts";
import { compareBundles, type Decided, type Target } from "../../core/bundles/compare.ts";
import { type Decision, isRefusal, refuse } from "../../core/decision.ts";
import { limits } from "../../protocol/limits.ts";
import type { Params, Result } from "../../protocol/methods.ts";
import { pairView } from "./views.ts";
import { noBundle } from "./bundles.ts";
import type { Context, Handlers, PendingAnswer } from "../handler.ts";
import { noTask } from "../tasks/tasks.ts";

type Report = Result<"ComparePatchBundles">;

export const comparisonHandlers = {
  ComparePatchBundles(params, context) {
    const ids = comparedIds(params, context);
    if (isRefusal(ids)) return ids;
    const decided = decidedIds(params, context);
    return isRefusal(decided) ? decided : compareInSlices({ ids, ...decided }, targetOf(params));
  },
} satisfies Partial<Handlers>;

/** The bundles that are meant. Refusals: INVALID_PARAMS, NOT_FOUND, LIMIT_EXCEEDED. */
function comparedIds(
  { bundle_ids: named, task_id: taskId = null, scope = null }: Params<"ComparePatchBundles">,
  { reads }: Context,
): Decision<string[]> {
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
  rejected: readonly string[];
}

/** Refusals: INVALID_PARAMS, NOT_FOUND, LIMIT_EXCEEDED. */
function decidedIds(
  { accepted_since: since, rejected_ids: rejected }: Params<"ComparePatchBundles">,
  { reads }: Context,
): Decision<Pick<Compared, "accepted" | "rejected">> {
  const accepted = [...new Set(Object.values(since ?? {}).flat())];
  const max = limits.bundlesComparedMax;
  if (accepted.length > max) {
    const message = `accepted_since names ${accepted.length} bundles; name at most ${max}`;
    return refuse("LIMIT_EXCEEDED", message, { limit: "bundles_compared_max", max, got: accepted.length });
  }
  const unknown = [...accepted, ...rejected].find((id) => reads.bundles.find(id) === null);
  if (unknown !== undefined) return noBundle(unknown);
  const open = rejected.find((id) => reads.bundles.find(id)?.status !== "REJECTED");
  if (open === undefined) return { accepted, rejected: [...new Set(rejected)] };
  return refuse("INVALID_PARAMS", `params.rejected_ids: bundle ${open} is not REJECTED; leave it out`);
}

function targetOf(params: Params<"ComparePatchBundles">): Target | null {
  const { target_revision: revision, changed_since: changed, accepted_since: accepted } = params;
  if (revision === null || revision === undefined) return null;
  const [changedSince, acceptedSince] = [changed, accepted].map((lists) => new Map(Object.entries(lists ?? {})));
  return { revision, changedSince: changedSince ?? new Map(), acceptedSince: acceptedSince ?? new Map() };
}

/** Reads and compares in slices between other requests: what bundles carry does not change meanwhile. */
function compareInSlices({ ids, accepted, rejected }: Compared, target: Target | null): PendingAnswer<Report> {
  const all = [...ids, ...accepted, ...rejected];
  const read: PatchBundle[] = [];
  let work: Generator<void, Report> | null = null;
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
      const steps = (work ??= compareAndReport(parted(read, { ids, accepted, rejected }, context), target, context));
      let report: Report | null = null;
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

function parted(read: readonly PatchBundle[], { ids, accepted, rejected }: Compared, { reads }: Context) {
  const byId = new Map(read.map((bundle) => [bundle.bundleId, bundle]));
  const of = (wanted: readonly string[]) => wanted.flatMap((id) => byId.get(id) ?? []);
  const seqOf = ({ bundleId }: PatchBundle) => reads.bundles.find(bundleId)?.decision?.seq ?? 0;
  const refused = of(rejected).map((bundle) => ({ bundle, decidedSeq: seqOf(bundle) }));
  const decided: Decided = { accepted: of(accepted), rejected: refused };
  return { bundles: of(ids), decided };
}

/** Pairs that are put into the terms of the wire between two pauses. */
const pairsAtOnce = 500;

function* compareAndReport(
  { bundles: read, decided }: { bundles: readonly PatchBundle[]; decided: Decided },
  target: Target | null,
  { reads }: Context,
): Generator<void, Report> {
  const { pairs, bundles, mergeOrder } = yield* compareBundles(read, target, decided);
  const told: Report["pairs"] = [];
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
