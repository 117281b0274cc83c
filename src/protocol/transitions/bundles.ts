import * as v from "valibot";
import * as story from "../methods/examples.ts";
import { defineTransition } from "../transition.ts";
import { bundleStatus, confidence, count, integer, text } from "../types.ts";
import { counted, id, inWords } from "./values.ts";

// What is optional here, older versions have not recorded.
const runs = v.array(
  v.object({
    command: text,
    exit_code: integer,
    duration_ms: count,
    output_tail: text,
    timed_out: v.optional(v.boolean()),
  }),
);
const revision = v.pipe(v.string(), v.title("revision"));

export const SUBMIT_PATCH_BUNDLE = defineTransition({
  summary: "A patch bundle was submitted, for the row's node where it names one.",
  subject: "bundle",
  payload: v.object({
    bundle_id: id,
    provider: text,
    owner: text,
    scope: text,
    base_revision: revision,
    head_revision: v.nullable(revision),
    diff_summary: text,
    confidence,
    supersedes: v.nullable(id),
    touched_paths: v.array(text),
    diff: v.nullable(text),
    diff_exact: v.boolean(),
    merge_drivers: v.optional(v.nullable(v.record(v.string(), v.array(text)))),
    contains: v.optional(v.array(id)),
    assumptions: v.array(text),
    verification: runs,
    intent: v.nullable(text),
    lease_id: v.nullable(id),
  }),
  unit: "bundle_id",
  sentence: ({ owner, bundle_id: bundle, touched_paths: paths, diff_summary: summary }, brief) =>
    `${owner} submitted bundle ${brief(bundle)} of ${counted(paths.length, "path")}${inWords(summary)}`,
  example: {
    bundle_id: story.bundle_id,
    provider: "codex",
    owner: "codex-1",
    scope: story.scope,
    base_revision: story.base_revision,
    head_revision: null,
    diff_summary: "one line of the lexer",
    confidence: "high",
    supersedes: null,
    touched_paths: ["src/lexer.rs"],
    diff: story.diff,
    diff_exact: false,
    merge_drivers: null,
    contains: [],
    assumptions: ["tokens are ASCII"],
    verification: [{ command: "cargo test", exit_code: 0, duration_ms: 8_000, output_tail: "ok" }],
    intent: null,
    lease_id: null,
  },
});

export const DECIDE_PATCH_BUNDLE = defineTransition({
  summary: "A patch bundle was decided, for good.",
  subject: "bundle",
  payload: v.object({
    bundle_id: id,
    status: v.picklist(bundleStatus.options.filter((status) => status !== "SUBMITTED")),
    reason: text,
    decided_by: text,
    merged_revision: v.nullable(revision),
    alternatives: v.array(id),
    verification: v.optional(runs),
  }),
  unit: "bundle_id",
  sentence: ({ bundle_id: bundle, status, decided_by: by, reason }, brief) =>
    `bundle ${brief(bundle)} ${status} by ${by}${inWords(reason)}`,
  example: {
    bundle_id: story.bundle_id,
    status: "ACCEPTED",
    reason: "its tests pass",
    decided_by: "ada",
    merged_revision: story.head_revision,
    alternatives: [],
  },
});

/** What the daemon sees of an event that clients commit too. */
export const conflict = defineTransition({
  summary: "A patch bundle touches what another has locked. Clients tell of other conflicts under the same name.",
  subject: "bundle",
  payload: v.object({
    summary: text,
    paths: v.array(text),
    with: v.object({ owner: text, provider: v.nullable(text), lease_id: id }),
    bundle_id: id,
  }),
  isEvent: "of a node",
  sentence: ({ summary }) => summary,
  example: {
    summary: "the patch bundle of codex-1 touches what claude-2 has locked as dir:src",
    paths: ["src/lexer.rs"],
    with: { owner: "claude-2", provider: "claude", lease_id: story.lock_lease_id },
    bundle_id: story.bundle_id,
  },
});
