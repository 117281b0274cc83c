import * as v from "valibot";
import { limits } from "../limits.ts";
import { bundleStatus, confidence, count, integer, iso, revision, seq, text, textUpTo, uuid } from "../types.ts";

/** One command that was run to see whether a patch works. */
export const verificationRun = v.object({
  command: v.pipe(v.string(), v.minLength(1, "at least 1 character"), v.title("string")),
  exit_code: integer,
  duration_ms: v.nullish(count, 0),
  output_tail: v.nullish(textUpTo(limits.outputTailCharsMax), ""),
  timed_out: v.nullish(v.boolean(), false),
});

/** The same, as it is shown. */
export const shownRun = v.object({
  command: text,
  exit_code: integer,
  duration_ms: count,
  output_tail: text,
  timed_out: v.boolean(),
});

/** What was decided of a bundle. */
export const decisionView = v.object({
  decision: v.picklist(["accepted", "rejected", "superseded"]),
  reason: text,
  decided_by: text,
  merged_revision: v.nullable(revision),
  alternatives: v.array(uuid),
  verification: v.array(shownRun),
  decided_at: iso,
  seq,
});

/** A bundle in a list. */
export const bundleView = v.object({
  bundle_id: uuid,
  status: bundleStatus,
  provider: text,
  owner: text,
  scope: text,
  base_revision: revision,
  head_revision: v.nullable(revision),
  path_count: count,
  diff_summary: text,
  confidence,
  verified: v.picklist(["passed", "failed", "missing"]),
  task_id: v.nullable(uuid),
  node_id: v.nullable(uuid),
  supersedes: v.nullable(uuid),
  submitted_at: iso,
  seq,
  decision: v.nullable(decisionView),
});

/** A bundle with all it carries. */
export const patchBundleView = v.object({
  ...bundleView.entries,
  touched_paths: v.array(text),
  diff: v.nullable(text),
  diff_exact: v.boolean(),
  assumptions: v.array(text),
  merge_drivers: v.nullable(v.record(text, v.array(text))),
  contains: v.array(uuid),
  verification: v.array(shownRun),
  intent: v.nullable(text),
});
