import type { Json } from "../../../src/protocol/json.ts";
import { collide, isSame, type ModelKey, modelKey } from "./keys.ts";
import type { Method, ModelState } from "./state.ts";
import { iso, type Params, Refused, text } from "./views.ts";

/* Patch bundles of which only the head revision is known. */

/** A path a bundle touches meets itself, and what is above or below it. */
const meets = (one: string, other: string) =>
  one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);

export interface ModelBundle {
  id: string;
  /** What was submitted, defaults included. */
  told: Params;
  paths: string[];
  status: "SUBMITTED" | "ACCEPTED" | "REJECTED" | "SUPERSEDED";
  submitted: number;
  seq: number;
  decision: Json;
}

export const bundleMethods: Record<string, Method> = {
  CheckPatchBundle(state, params) {
    acceptable(state, params);
    return { ok: true, path_count: new Set(params.touched_paths as string[]).size };
  },

  SubmitPatchBundle(state, params) {
    const before = acceptable(state, params);
    const bundle = record(state, params);
    const overlaps = state.bundles.toReversed().flatMap((other) => (other === before ? [] : overlap(other, bundle)));
    state.bundles.push(bundle);
    if (before !== null) {
      const reason = `its author submitted ${bundle.id} in its place`;
      const by = { decision: "superseded", reason, decided_by: params.owner ?? null, alternatives: [bundle.id] };
      decide(state, before, by);
    }
    tellOfLocks(state, bundle);
    return { bundle_id: bundle.id, seq: state.seq, overlaps };
  },

  DecidePatchBundle(state, params) {
    const { bundle_id, decision, merged_revision, alternatives = [] } = params;
    for (const id of alternatives as Json[]) find(state, id);
    const bundle = find(state, bundle_id);
    if (bundle.status !== "SUBMITTED") throw new Refused("INVALID_STATE");
    const isOwn = (alternatives as Json[]).includes(bundle.id);
    if (isOwn || (merged_revision !== undefined && decision !== "accepted")) throw new Refused("INVALID_PARAMS");
    decide(state, bundle, params);
    return { ok: true, status: bundle.status, seq: state.seq };
  },

  ListPatchBundles({ bundles }, { status, scope, task_id, owner }) {
    const shown = bundles.toReversed().filter(({ status: its, told }) => {
      return (
        (status ?? its) === its &&
        (scope ?? told.scope) === told.scope &&
        (task_id ?? told.task_id) === told.task_id &&
        (owner ?? told.owner) === told.owner
      );
    });
    return { bundles: shown.map(view), next_before: null };
  },

  GetPatchBundle(state, { bundle_id }) {
    const bundle = find(state, bundle_id);
    return { bundle: { ...view(bundle), touched_paths: bundle.paths, ...carried(bundle) } };
  },
};

function find({ bundles }: ModelState, id: Json | undefined): ModelBundle {
  const bundle = bundles.find((one) => one.id === id);
  if (bundle === undefined) throw new Refused("NOT_FOUND");
  return bundle;
}

/** The bundle whose place a submission would take, if it can be taken at all. */
function acceptable(state: ModelState, params: Params): ModelBundle | null {
  for (const id of (params.contains ?? []) as Json[]) find(state, id);
  checkPurpose(state, params);
  return params.supersedes === undefined ? null : replaceable(state, params);
}

/** Who hands in a patch for a node has the node, where he says he has. */
function checkPurpose(state: ModelState, params: Params): void {
  const { task_id, node_id, lease_id } = params;
  if (task_id === undefined) {
    if (node_id !== undefined || lease_id !== undefined) throw new Refused("INVALID_PARAMS");
    return;
  }
  state.task(task_id);
  if (node_id === undefined && lease_id !== undefined) throw new Refused("INVALID_PARAMS");
  if (node_id === undefined) return;
  if (lease_id === undefined) state.node(task_id, node_id);
  else state.underLease(params);
}

/** The bundle this one is to take the place of: an open one of the same author. */
function replaceable(state: ModelState, { supersedes, owner, provider, scope }: Params): ModelBundle {
  const before = find(state, supersedes);
  const { told, status } = before;
  const isOwn = told.owner === owner && told.provider === provider && told.scope === scope;
  if (status !== "SUBMITTED" || !isOwn) throw new Refused("INVALID_STATE");
  return before;
}

function record(state: ModelState, params: Params): ModelBundle {
  const id = state.journal.fresh(({ payload }) => (payload as Params).bundle_id);
  const { task_id = null, node_id = null, lease_id = null, supersedes = null, verification = [], ...rest } = params;
  const runs = runsOf(verification);
  const told: Params = { ...rest, task_id, node_id, lease_id, supersedes, verification: runs };
  const paths = [...new Set(params.touched_paths as string[])].toSorted();
  const bundle: ModelBundle = {
    id,
    told,
    paths,
    status: "SUBMITTED",
    submitted: state.now,
    seq: state.seq + 1,
    decision: null,
  };
  const { provider, owner, scope, base_revision, head_revision, diff_summary, confidence } = told as Record<
    string,
    Json
  >;
  const about = { bundle_id: id, provider, owner, scope, base_revision, head_revision, diff_summary, confidence };
  const payload = { ...about, supersedes, touched_paths: paths, lease_id, ...carried(bundle) } as Params;
  state.journal.write("SUBMIT_PATCH_BUNDLE", { task: task_id, node: node_id }, payload);
  return bundle;
}

const runsOf = (runs: Json) =>
  (runs as Params[]).map((run) => ({ duration_ms: 0, output_tail: "", timed_out: false, ...run }));

const carried = ({
  told: { merge_drivers = null, contains = [], assumptions = [], verification = [], intent = null },
}: ModelBundle) => ({
  diff: null,
  diff_exact: false,
  merge_drivers,
  contains,
  assumptions,
  verification,
  intent,
});

function decide(state: ModelState, bundle: ModelBundle, { decision, ...params }: Params): void {
  const { reason = null, decided_by = null, merged_revision = null, alternatives = [], verification = [] } = params;
  bundle.status = text(decision).toUpperCase() as ModelBundle["status"];
  const told = { reason, decided_by, merged_revision, alternatives: [...new Set(alternatives as string[])] };
  const { task_id = null, node_id = null } = bundle.told;
  const runs = runsOf(verification);
  const kept = runs.length === 0 ? {} : { verification: runs };
  const payload = { bundle_id: bundle.id, status: bundle.status, ...told, ...kept };
  state.journal.write("DECIDE_PATCH_BUNDLE", { task: task_id, node: node_id }, payload);
  bundle.decision = {
    decision: decision ?? null,
    ...told,
    verification: runs,
    decided_at: iso(state.now),
    seq: state.seq,
  };
}

/** How an open bundle of the same scope is met: nobody knows what either does to a path, but that they do. */
function overlap({ id, told, paths, status }: ModelBundle, bundle: ModelBundle): Json[] {
  if (status !== "SUBMITTED" || told.scope !== bundle.told.scope) return [];
  const pairs = paths.flatMap((path) =>
    bundle.paths.filter((other) => meets(path, other)).map((other) => [path, other]),
  );
  if (pairs.length === 0) return [];
  const isAlike = (name: string) => told[name] === bundle.told[name];
  const both = isAlike("base_revision") && isAlike("head_revision") ? "identical" : null;
  const relation = both ?? (pairs.some(([one, other]) => one !== other) ? "overlapping" : "unknown");
  const { owner = null, provider = null } = told;
  const named = [...new Set(pairs.map(([path]) => path ?? ""))].toSorted();
  const isBuiltOn = both === null && ((bundle.told.contains ?? []) as Json[]).includes(id);
  const container = isBuiltOn ? bundle.id : null;
  return [{ bundle_id: id, owner, provider, relation, container, paths: named, path_count: pairs.length }];
}

/** Tells everybody whose locks a patch of somebody else is in; in which order is not foretold. */
function tellOfLocks(state: ModelState, bundle: ModelBundle): void {
  const { owner = null, provider = null, scope = null, task_id = null, node_id = null } = bundle.told;
  const wanted = bundle.paths.map((path) => ({ path, key: modelKey({ resource_key: `file:${path}`, scope }) }));
  const left = state.locks.live.flatMap((lease) => {
    const met = wanted.filter(({ key }) => lease.locks.some((lock) => collide(lock, key)));
    const isOwn = lease.owner === owner && lease.provider === provider;
    return isOwn || met.length === 0 ? [] : [{ lease, met }];
  });
  while (left.length > 0) {
    const shown = state.journal.peek() as { with?: { lease_id?: Json }; summary?: Json } | undefined;
    const place = left.findIndex(({ lease }) => lease.id === shown?.with?.lease_id);
    const [one] = left.splice(Math.max(0, place), 1);
    if (one === undefined) break;
    const { lease, met } = one;
    const says = (lock: ModelKey) =>
      `the patch bundle of ${text(owner)} touches what ${lease.owner} has locked as ${lock.key}`;
    const locks = lease.locks.filter((lock) => met.some(({ key }) => collide(lock, key)));
    const summaries = locks.filter((lock, n) => locks.findIndex((other) => isSame(other, lock)) === n).map(says);
    const summary = summaries.find((its) => its === shown?.summary) ?? summaries[0] ?? "";
    const others = { owner: lease.owner, provider: lease.provider, lease_id: lease.id };
    const payload = { summary, paths: met.map(({ path }) => path), with: others, bundle_id: bundle.id };
    const ofNode = node_id === null ? {} : ({ event: true } as const);
    state.journal.write("conflict", { task: task_id, node: node_id, ...ofNode }, payload);
  }
}

function view(bundle: ModelBundle) {
  const { told, paths, status, submitted, seq, decision, id } = bundle;
  const { provider, owner, scope, base_revision, head_revision, diff_summary, confidence } = told as Record<
    string,
    Json
  >;
  const { task_id, node_id, supersedes } = told as Record<string, Json>;
  const runs = told.verification as { exit_code: number; timed_out: boolean }[];
  const failed = runs.some(({ exit_code, timed_out: late }) => !late && exit_code !== 0);
  const late = runs.some(({ timed_out: tooLong }) => tooLong);
  const about = { bundle_id: id, status, provider, owner, scope, base_revision, head_revision } as Params;
  const rest = { diff_summary, confidence, task_id, node_id, supersedes, decision } as Params;
  const verified = failed ? "failed" : runs.length === 0 || late ? "missing" : "passed";
  return { ...about, ...rest, path_count: paths.length, verified, submitted_at: iso(submitted), seq };
}
