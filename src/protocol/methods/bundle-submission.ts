import * as v from "valibot";
import { limits } from "../limits.ts";
import { confidence, key, listOf, mapOf, noList, reason, revision, scope, someOf, text, uuid } from "../types.ts";
import { verificationRun } from "./bundle-views.ts";

const paths = someOf(key, { max: limits.bundlePathsMax, of: ["path", "paths"] });
const drivers = someOf(key, { max: 2, of: ["driver", "drivers"] });
/** Commands that were run to see whether a patch works. */
export const runs = listOf(noList(verificationRun), {
  max: limits.bundleVerificationsMax,
  of: ["run", "runs"],
});
export const someBundles = listOf(uuid, { max: limits.bundlesComparedMax, of: ["bundle", "bundles"] });

/** A patch, as it is submitted. */
export const submission = v.object({
  provider: key,
  owner: key,
  scope,
  base_revision: revision,
  head_revision: v.nullish(revision),
  touched_paths: paths,
  diff: v.nullish(text),
  diff_exact: v.nullish(v.boolean(), false),
  merge_drivers: v.nullish(mapOf(key, drivers, { max: limits.bundlePathsMax, of: ["path", "paths"] })),
  contains: v.nullish(someBundles, []),
  diff_summary: reason,
  assumptions: v.nullish(listOf(reason, { max: limits.bundleAssumptionsMax, of: ["assumption", "assumptions"] }), []),
  confidence,
  verification: v.nullish(runs, []),
  intent: v.nullish(reason),
  task_id: v.nullish(uuid),
  node_id: v.nullish(uuid),
  lease_id: v.nullish(uuid),
  supersedes: v.nullish(uuid),
});
