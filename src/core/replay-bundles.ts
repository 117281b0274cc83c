import type { BundleStatus } from "./bundle.ts";
import { actions, type JournalRow } from "./journal.ts";
import { type Fields, ImpossibleRow, list, type ReplayedBundle, text } from "./replayed.ts";

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
      seq: row.seq,
      status: "SUBMITTED",
      provider: brief(text(payload.provider)),
      owner: brief(text(payload.owner)),
      scope: brief(text(payload.scope)),
      baseRevision: text(payload.base_revision),
      pathCount: list(payload.touched_paths).length,
      taskId: row.taskId,
      nodeId: row.nodeId,
      decidedSeq: null,
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
    bundle.decision = brief(JSON.stringify(decision));
  },
};
