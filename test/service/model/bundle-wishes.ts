import fc from "fast-check";
import type { ModelState } from "./state.ts";
import type { Params } from "./views.ts";
import { claim, given, type Known, nobody, nodeOf, often, pick, seldom, type Wish, wishFor } from "./wishes.ts";

/* What is asked about patch bundles, whose diffs nobody sends here: how those are read and compared has tests of its own. */

const revision = fc.constantFrom("1".repeat(40), "2".repeat(40));
const run = fc.record({ command: fc.constant("make"), exit_code: fc.nat(1), timed_out: seldom(fc.boolean()) });
const verification = fc.array(run.map(given), { maxLength: 2 });
const author = fc.constantFrom<Params>({ owner: "ann", provider: "p" }, { owner: "bob", provider: "p" });
const scope = fc.constantFrom("s", "ignoring case");

/** One bundle there is, mostly an open one, and now and then one that never was. */
function bundleId(model: ModelState, n: number): string {
  if (n % 16 === 15) return nobody;
  const open = model.bundles.filter(({ status }) => status === "SUBMITTED");
  return pick(n % 4 === 3 ? model.bundles : open, n >> 4)?.id ?? nobody;
}

/** What a bundle is for: nothing, a task, a node, or a node under a lease that may be stale. */
function purpose(model: ModelState, known: Known, n: number): Params {
  if (n % 4 === 0) return claim(model, known, n >> 2);
  if (n % 4 === 1) return nodeOf(model, n >> 2);
  if (n % 16 === 2) return { node_id: nodeOf(model, n >> 4).node_id };
  return n % 16 === 3 ? { task_id: nodeOf(model, n >> 4).task_id } : {};
}

const submission = (method: "SubmitPatchBundle" | "CheckPatchBundle") =>
  wishFor(
    method,
    fc
      .record({
        author,
        scope,
        base_revision: revision,
        head_revision: revision,
        touched_paths: fc.array(fc.constantFrom("a", "a/b", "b"), { minLength: 1, maxLength: 3 }),
        confidence: fc.constantFrom("low", "medium", "high"),
        verification: often(verification),
        assumptions: seldom(fc.constant<string[]>(["a=1"])),
        intent: seldom(fc.constant("to test")),
        merge_drivers: seldom(fc.constant<Params>({ a: ["binary"] })),
      })
      .map(({ author: its, ...params }) => ({ ...given(params), ...its, diff_summary: "a patch" })),
    (model, known, n) => ({
      ...purpose(model, known, n >> 2),
      ...(n % 4 === 0 && { supersedes: bundleId(model, n >> 2) }),
      ...(n % 8 === 1 && { contains: [bundleId(model, n >> 3)] }),
    }),
  );

const decide = wishFor(
  "DecidePatchBundle",
  fc
    .record({
      decision: fc.constantFrom("accepted", "rejected", "superseded"),
      merged_revision: seldom(revision),
      verification: seldom(verification),
    })
    .map((params) => given({ ...params, reason: "it was time", decided_by: "eve" })),
  (model, _known, n) => ({
    bundle_id: bundleId(model, n >> 2),
    ...(n % 4 === 0 && { alternatives: [bundleId(model, n >> 3), bundleId(model, n >> 5)] }),
  }),
);

const list = fc
  .record({
    status: often(fc.constantFrom("SUBMITTED", "ACCEPTED", "SUPERSEDED")),
    owner: seldom(fc.constant("ann")),
    scope: seldom(scope),
  })
  .map((params): Wish => ({
    name: `ListPatchBundles ${JSON.stringify(params)}`,
    resolve: () => ({ method: "ListPatchBundles", params: given(params) }),
  }));

const get = wishFor("GetPatchBundle", fc.constant({}), (model, _known, n) => ({ bundle_id: bundleId(model, n) }));

export const bundleWishes = [
  { weight: 4, arbitrary: submission("SubmitPatchBundle") },
  { weight: 1, arbitrary: submission("CheckPatchBundle") },
  { weight: 3, arbitrary: decide },
  { weight: 1, arbitrary: list },
  { weight: 1, arbitrary: get },
];
