import * as v from "valibot";
import { limits } from "../limits.ts";
import { confidence, key, noList, revision, scope, text, uuid } from "../types.ts";
import { verificationRun } from "./bundle-views.ts";

const short = v.maxLength<string, number, string>(limits.reasonCharsMax, `at most ${limits.reasonCharsMax} characters`);
const note = v.pipe(v.string(), short, v.title("string"));
const paths = v.pipe(
  v.array(key),
  v.minLength(1, "at least 1 path"),
  v.maxLength(limits.bundlePathsMax, `at most ${limits.bundlePathsMax} paths`),
);
const drivers = v.pipe(v.array(key), v.minLength(1, "at least 1 driver"), v.maxLength(2, "at most 2 drivers"));
/** Commands that were run to see whether a patch works. */
export const runs = v.pipe(
  v.array(noList(verificationRun)),
  v.maxLength(limits.bundleVerificationsMax, `at most ${limits.bundleVerificationsMax} runs`),
);
export const someBundles = v.pipe(
  v.array(uuid),
  v.maxLength(limits.bundlesComparedMax, `at most ${limits.bundlesComparedMax} bundles`),
);

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
  merge_drivers: v.nullish(noList(v.record(key, drivers))),
  contains: v.nullish(someBundles, []),
  diff_summary: note,
  assumptions: v.nullish(
    v.pipe(
      v.array(note),
      v.maxLength(limits.bundleAssumptionsMax, `at most ${limits.bundleAssumptionsMax} assumptions`),
    ),
    [],
  ),
  confidence,
  verification: v.nullish(runs, []),
  intent: v.nullish(note),
  task_id: v.nullish(uuid),
  node_id: v.nullish(uuid),
  lease_id: v.nullish(uuid),
  supersedes: v.nullish(uuid),
});
