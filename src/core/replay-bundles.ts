import type { Json } from "../protocol/json.ts";
import type { BundleStatus, Verification } from "./bundle.ts";
import { verificationOf } from "./bundle-advice.ts";
import { foldedPath } from "./bundle-paths.ts";
import { actions, type JournalRow } from "./journal.ts";
import { type Fields, fields, ImpossibleRow, list, pathsText, type ReplayedBundle, text } from "./replayed.ts";

/** The part of a replay that patch bundles are. */
interface Bundles {
  readonly bundles: Map<string, ReplayedBundle>;
  readonly brief: (text: string) => string;
}

type Apply = (state: Bundles, row: JournalRow, payload: Fields) => void;

/** What each journalled transition of a patch bundle makes of those there are. */
export const bundleAppliers: Record<string, Apply> = {
  [actions.submitBundle]: ({ bundles, brief }, row, payload) => {
    const id = text(payload.bundle_id);
    if (bundles.has(id)) throw new ImpossibleRow(`bundle ${id} was submitted already`);
    bundles.set(id, {
      place: row.seq,
      seq: row.seq,
      status: "SUBMITTED",
      provider: brief(text(payload.provider)),
      owner: brief(text(payload.owner)),
      scope: brief(text(payload.scope)),
      baseRevision: text(payload.base_revision),
      headRevision: textOrNull(payload.head_revision),
      pathCount: list(payload.touched_paths).length,
      paths: brief(pathsText([...new Set(list(payload.touched_paths).map((path) => foldedPath(text(path))))])),
      diffChars: typeof payload.diff === "string" ? payload.diff.length : 0,
      diffSummary: brief(text(payload.diff_summary)),
      confidence: text(payload.confidence),
      verified: verificationOf({ verification: list(payload.verification).map(run) }),
      supersedes: textOrNull(payload.supersedes),
      submittedAtMs: row.timestampMs,
      taskId: row.taskId,
      nodeId: row.nodeId,
      decidedSeq: null,
      decidedAtMs: null,
      decision: null,
    });
  },
  // Noted, and changes nothing.
  [actions.noteConflict]: () => {},
  [actions.decideBundle]: ({ bundles, brief }, row, payload) => {
    const { bundle_id: bundleId, status, ...decision } = payload;
    const id = text(bundleId);
    const bundle = bundles.get(id);
    if (bundle?.status !== "SUBMITTED") throw new ImpossibleRow(`bundle ${id} was not open`);
    bundle.status = text(status) as BundleStatus;
    bundle.decidedSeq = row.seq;
    bundle.decidedAtMs = row.timestampMs;
    bundle.paths = brief(pathsText([]));
    bundle.decision = brief(JSON.stringify(decision));
  },
};

const textOrNull = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);

const run = (told: Json): Verification => {
  const { command, exit_code: exitCode, timed_out: timedOut } = fields(told);
  return { command: text(command), exitCode: Number(exitCode), timedOut: timedOut === true };
};
