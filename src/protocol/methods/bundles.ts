import * as v from "valibot";
import { limits } from "../limits.ts";
import { defineMethod } from "../method.ts";
import {
  bundleStatus,
  confidence,
  count,
  key,
  listOf,
  mapOf,
  ok,
  pageLimit,
  reason,
  revision,
  scope,
  seq,
  someOf,
  text,
  uuid,
} from "../types.ts";
import * as story from "./examples.ts";
import { runs, someBundles, submission } from "./bundle-submission.ts";
import { bundleView, patchBundleView } from "./bundle-views.ts";

const relation = v.picklist(["disjoint", "compatible", "overlapping", "identical", "unknown"]);

export const SubmitPatchBundle = defineMethod({
  summary:
    "Submit a patch for comparison with others before it is merged, and learn at once which open ones it overlaps with.",
  mutates: true,
  params: submission,
  result: v.object({
    bundle_id: uuid,
    seq,
    overlaps: v.array(
      v.object({
        bundle_id: uuid,
        owner: text,
        provider: text,
        relation,
        container: v.nullable(uuid),
        paths: v.array(text),
        path_count: count,
      }),
    ),
  }),
  refusals: ["NOT_FOUND", "INVALID_STATE", "LEASE_LOST", "LIMIT_EXCEEDED"],
  example: {
    params: {
      provider: "codex",
      owner: "codex-1",
      scope: story.scope,
      base_revision: story.base_revision,
      touched_paths: ["src/lexer.rs"],
      diff: story.diff,
      diff_summary: "one line of the lexer",
      assumptions: ["tokens are ASCII"],
      confidence: "high",
      verification: [{ command: "cargo test", exit_code: 0, duration_ms: 8_000, output_tail: "ok" }],
    },
    result: {
      bundle_id: story.bundle_id,
      seq: 9,
      overlaps: [
        {
          bundle_id: story.other_bundle_id,
          owner: "antigravity-2",
          provider: "antigravity",
          relation: "overlapping",
          container: null,
          paths: ["src/lexer.rs"],
          path_count: 1,
        },
      ],
    },
  },
});

export const CheckPatchBundle = defineMethod({
  summary:
    "Say whether SubmitPatchBundle would take a patch, before its verification is run: the same parameters and refusals; nothing is recorded.",
  mutates: false,
  params: submission,
  result: v.object({ ok, path_count: count }),
  refusals: ["NOT_FOUND", "INVALID_STATE", "LEASE_LOST", "LIMIT_EXCEEDED"],
  example: {
    params: {
      provider: "codex",
      owner: "codex-1",
      scope: "/srv/widgets/.git",
      base_revision: story.base_revision,
      touched_paths: ["src/lexer.rs"],
      diff: story.diff,
      diff_summary: "one line of the lexer",
      confidence: "high",
    },
    result: { ok: true, path_count: 1 },
  },
});

const lineRange = v.object({ start: count, lines: v.nullable(count) });

/** Base revisions of the bundles that are compared, and what has changed since one. */
const revisions = { max: limits.bundlesComparedMax, of: ["revision", "revisions"] } as const;
const changedPaths = listOf(key, { max: limits.changedPathsMax, of: ["path", "paths"] });

export const ComparePatchBundles = defineMethod({
  summary:
    "Compare every pair of bundles: where they overlap, which are stale, unverified or contradictory, what to do with each, and in which order to merge them.",
  mutates: false,
  params: v.object({
    bundle_ids: v.nullish(someOf(uuid, { max: limits.bundlesComparedMax, of: ["bundle", "bundles"] })),
    task_id: v.nullish(uuid),
    scope: v.nullish(scope),
    target_revision: v.nullish(revision),
    changed_since: v.nullish(mapOf(revision, changedPaths, revisions)),
    accepted_since: v.nullish(mapOf(revision, someBundles, revisions)),
    rejected_ids: v.nullish(someBundles, []),
  }),
  result: v.object({
    pairs: v.array(
      v.object({
        a: uuid,
        b: uuid,
        relation,
        certain: v.boolean(),
        container: v.nullable(uuid),
        same_base: v.boolean(),
        paths: v.array(text),
        path_count: count,
        ranges: v.array(
          v.object({
            path: text,
            other_path: v.nullable(text),
            relation,
            reason: v.nullable(text),
            a: v.array(lineRange),
            b: v.array(lineRange),
          }),
        ),
      }),
    ),
    bundles: v.array(
      v.object({
        bundle_id: uuid,
        owner: text,
        provider: text,
        status: bundleStatus,
        confidence,
        stale: v.nullable(v.boolean()),
        changed_since: v.nullable(v.array(text)),
        verification: v.picklist(["passed", "failed", "missing"]),
        contradictions: v.array(v.object({ bundle_id: uuid, mine: text, theirs: text })),
        contains: v.array(v.object({ bundle_id: uuid, rejected: v.boolean() })),
        less_confident_than: v.array(uuid),
        recommendation: v.picklist(["merge", "rebase", "verify", "choose", "reject"]),
        reasons: v.array(text),
      }),
    ),
    merge_order: v.array(uuid),
  }),
  refusals: ["NOT_FOUND", "LIMIT_EXCEEDED"],
  example: {
    params: { bundle_ids: [story.bundle_id], target_revision: story.base_revision },
    result: {
      pairs: [],
      bundles: [
        {
          bundle_id: story.bundle_id,
          owner: "codex-1",
          provider: "codex",
          status: "SUBMITTED",
          confidence: "high",
          stale: false,
          changed_since: [],
          verification: "passed",
          contradictions: [],
          contains: [],
          less_confident_than: [],
          recommendation: "merge",
          reasons: ["its base is the target and nothing is in its way"],
        },
      ],
      merge_order: [story.bundle_id],
    },
  },
});

export const DecidePatchBundle = defineMethod({
  summary: "Decide on a bundle, finally, with the reason and the bundles it was weighed against.",
  mutates: true,
  params: v.object({
    bundle_id: uuid,
    decision: v.picklist(["accepted", "rejected", "superseded"]),
    reason,
    decided_by: key,
    merged_revision: v.nullish(revision),
    alternatives: v.nullish(someBundles, []),
    verification: v.nullish(runs, []),
  }),
  result: v.object({ ok, status: bundleStatus, seq }),
  refusals: ["NOT_FOUND", "INVALID_STATE"],
  example: {
    params: {
      bundle_id: story.bundle_id,
      decision: "accepted",
      reason: "smaller, verified, and of higher confidence",
      decided_by: "ann",
      merged_revision: story.head_revision,
      alternatives: [story.other_bundle_id],
    },
    result: { ok: true, status: "ACCEPTED", seq: 12 },
  },
});

export const ListPatchBundles = defineMethod({
  summary: "List patch bundles, newest first, a page at a time.",
  mutates: false,
  params: v.object({
    status: v.nullish(bundleStatus),
    scope: v.nullish(scope),
    task_id: v.nullish(uuid),
    owner: v.nullish(text),
    limit: v.nullish(pageLimit, 50),
    before: v.nullish(uuid),
  }),
  result: v.object({ bundles: v.array(bundleView), next_before: v.nullable(uuid) }),
  refusals: ["NOT_FOUND"],
  example: {
    params: { status: "SUBMITTED", limit: 1 },
    result: { bundles: [story.bundle], next_before: story.bundle_id },
  },
});

export const GetPatchBundle = defineMethod({
  summary: "Show a patch bundle with its diff and what was decided.",
  mutates: false,
  params: v.object({ bundle_id: uuid }),
  result: v.object({ bundle: patchBundleView }),
  refusals: ["NOT_FOUND"],
  example: {
    params: { bundle_id: story.bundle_id },
    result: {
      bundle: {
        ...story.bundle,
        touched_paths: ["src/lexer.rs"],
        diff: story.diff,
        diff_exact: false,
        assumptions: ["tokens are ASCII"],
        merge_drivers: null,
        contains: [],
        verification: [
          { command: "cargo test", exit_code: 0, duration_ms: 8_000, output_tail: "ok", timed_out: false },
        ],
        intent: null,
      },
    },
  },
});

export type BundleView = v.InferOutput<typeof bundleView>;
export type PatchBundleView = v.InferOutput<typeof patchBundleView>;
