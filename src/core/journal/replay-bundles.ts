import type { Payload } from "../../protocol/transitions.ts";
import type { Verification } from "../bundles/bundle.ts";
import { verificationOf } from "../bundles/advice.ts";
import { foldedPath } from "../../protocol/path-spelling.ts";
import { type Apply, ImpossibleRow, pathsText, type ReplayedBundle } from "./replayed.ts";

/** The part of a replay that patch bundles are. */
interface Bundles {
  readonly bundles: Map<string, ReplayedBundle>;
  readonly brief: (text: string) => string;
}

const submit: Apply<Bundles, "SUBMIT_PATCH_BUNDLE"> = ({ bundles, brief }, row, payload) => {
  const id = payload.bundle_id;
  if (bundles.has(id)) throw new ImpossibleRow(`bundle ${id} was submitted already`);
  bundles.set(id, {
    place: row.seq,
    seq: row.seq,
    status: "SUBMITTED",
    provider: brief(payload.provider),
    owner: brief(payload.owner),
    scope: brief(payload.scope),
    baseRevision: payload.base_revision,
    headRevision: payload.head_revision,
    pathCount: payload.touched_paths.length,
    paths: brief(pathsText([...new Set(payload.touched_paths.map(foldedPath))])),
    diffChars: payload.diff?.length ?? 0,
    diffSummary: brief(payload.diff_summary),
    confidence: payload.confidence,
    verified: verificationOf({ verification: payload.verification.map(run) }),
    supersedes: payload.supersedes,
    submittedAtMs: row.timestampMs,
    taskId: row.taskId,
    nodeId: row.nodeId,
    decidedSeq: null,
    decidedAtMs: null,
    decision: null,
  });
};

const decide: Apply<Bundles, "DECIDE_PATCH_BUNDLE"> = ({ bundles, brief }, row, payload) => {
  const { bundle_id: id, status, ...decision } = payload;
  const bundle = bundles.get(id);
  if (bundle?.status !== "SUBMITTED") throw new ImpossibleRow(`bundle ${id} was not open`);
  bundle.status = status;
  bundle.decidedSeq = row.seq;
  bundle.decidedAtMs = row.timestampMs;
  bundle.paths = brief(pathsText([]));
  bundle.decision = brief(JSON.stringify(decision));
};

/** What each journalled transition of a patch bundle makes of those there are. */
export const bundleAppliers = {
  SUBMIT_PATCH_BUNDLE: submit,
  DECIDE_PATCH_BUNDLE: decide,
  // Noted, and changes nothing.
  conflict: () => {},
};

type Run = Payload<"SUBMIT_PATCH_BUNDLE">["verification"][number];

const run = ({ command, exit_code: exitCode, timed_out: timedOut = false }: Run): Verification => ({
  command,
  exitCode,
  timedOut,
});
