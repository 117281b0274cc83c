import type { CarriedByBundle, Confidence, PatchBundle, Verification } from "../../core/bundles/bundle.ts";
import { isRefusal } from "../../core/decision.ts";
import { parseDiff } from "../../core/bundles/diff.ts";
import { changesBytes, type FileChange } from "../../core/bundles/file-change.ts";
import type { Reads } from "../../store/reads.ts";
import { Cache } from "../cache.ts";

/** What the changes of diffs that are remembered may take. */
const changesBytesMax = 16 << 20;

/** What a bundle carries, as the journal tells it in the terms of the wire. */
export type BundleContent = CarriedByBundle;

/** One command somebody ran, in the terms of the wire. */
export type Run = CarriedByBundle["verification"][number];

/** A verification in the terms of the rules. */
export const verificationsOf = (runs: readonly Pick<Run, "command" | "exit_code" | "timed_out">[]): Verification[] =>
  runs.map(({ command, exit_code: exitCode, timed_out: timedOut = false }) => ({ command, exitCode, timedOut }));

/** Reads what bundles carry, and remembers the changes of the last: reading a long diff takes some milliseconds. */
export class BundleContents {
  readonly #changes = new Cache<readonly FileChange[]>(changesBytesMax);

  /** What the journal has of the bundle; null for one nobody knows. */
  read(bundleId: string, reads: Reads): BundleContent | null {
    const bundle = reads.bundles.find(bundleId);
    const row = bundle === null ? null : reads.journal.at(bundle.submittedSeq);
    return row === null ? null : (row.payload as BundleContent);
  }

  /** A bundle as it is compared; null for one nobody knows. */
  bundle(bundleId: string, reads: Reads): PatchBundle | null {
    const record = reads.bundles.find(bundleId);
    const content = this.read(bundleId, reads);
    if (record === null || content === null) return null;
    return {
      bundleId,
      submittedSeq: record.submittedSeq,
      provider: record.provider,
      owner: record.owner,
      scope: record.scope,
      baseRevision: record.baseRevision,
      headRevision: record.headRevision,
      touchedPaths: content.touched_paths,
      changes: this.#changesOf(bundleId, content),
      mergeDrivers: content.merge_drivers ? new Map(Object.entries(content.merge_drivers)) : null,
      containedIds: content.contains ?? [],
      assumptions: content.assumptions,
      confidence: record.confidence satisfies Confidence,
      verification: verificationsOf(content.verification),
    };
  }

  /** Whether the changes of a bundle need not be read any more. */
  knows(bundleId: string): boolean {
    return this.#changes.has(bundleId);
  }

  remember(bundleId: string, changes: readonly FileChange[], diffChars: number): void {
    this.#changes.set(bundleId, changes, changesBytes(changes, diffChars));
  }

  /** What they take by now. */
  get bytes(): number {
    return this.#changes.bytes;
  }

  /** Gives it back. */
  forget(): void {
    this.#changes.clear();
  }

  #changesOf(bundleId: string, { diff, diff_exact: exact }: BundleContent): readonly FileChange[] | null {
    if (diff === null) return null;
    const known = this.#changes.get(bundleId);
    if (known !== undefined) return known;
    const changes = parseDiff(diff, { exact });
    // It was read when it was submitted.
    if (isRefusal(changes)) throw new Error(`the diff of bundle ${bundleId} cannot be read: ${changes.message}`);
    this.remember(bundleId, changes, diff.length);
    return changes;
  }
}
