import type { Database } from "bun:sqlite";
import type { BundleDecision, BundleHead, BundleRecord, BundleStatus, Confidence } from "../../core/bundles/bundle.ts";
import { directoriesOver, foldedPath } from "../../protocol/path-spelling.ts";
import type { VerificationResult } from "../../core/bundles/advice.ts";
import { pathsText } from "../../core/journal/replayed.ts";
import type { Json } from "../../protocol/json.ts";
import type { Listed } from "../reads.ts";
import { boundedRows, type SliceBounds, textChars } from "./slices.ts";
import type { BundleSliceRow } from "./verification-reads.ts";
import { present } from "../../protocol/present.ts";

interface Row {
  row: number;
  id: string;
  seq: number;
  status: BundleStatus;
  provider: string;
  owner: string;
  scope: string;
  base_revision: string;
  head_revision: string | null;
  path_count: number;
  diff_chars: number;
  diff_summary: string;
  confidence: Confidence;
  verified: VerificationResult;
  task_id: string | null;
  node_id: string | null;
  supersedes: string | null;
  submitted_at_ms: number;
  decided_seq: number | null;
  decided_at_ms: number | null;
  decision: string | null;
}

type InsertValues = [
  id: string,
  seq: number,
  provider: string,
  owner: string,
  scope: string,
  baseRevision: string,
  headRevision: string | null,
  pathCount: number,
  diffChars: number,
  diffSummary: string,
  confidence: Confidence,
  verified: VerificationResult,
  taskId: string | null,
  nodeId: string | null,
  supersedes: string | null,
  submittedAtMs: number,
];

/** Patch bundles. What they carry beside this stands in the journal row of their submission. (SELECT ?): see open-tables.ts. */
export function bundleTable(db: Database) {
  const insert = db.prepare<{ row: number }, InsertValues>(`
    INSERT INTO bundles (
      id, seq, provider, owner, scope, base_revision, head_revision, path_count, diff_chars, diff_summary, confidence,
      verified, task_id, node_id, supersedes, submitted_at_ms, status)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'SUBMITTED')
    RETURNING row`);
  const insertPaths = db.prepare<null, [string, string, number]>(`
    INSERT OR IGNORE INTO bundle_paths SELECT ?1, value, ?3 FROM json_each(?2)`);
  const decide = db.prepare<{ row: number; scope: string }, [BundleStatus, number, number, string, string]>(`
    UPDATE bundles SET status = ?1, decided_seq = ?2, decided_at_ms = ?3, decision = ?4 WHERE id = ?5
    RETURNING row, scope`);
  const removePaths = db.prepare<null, [number]>("DELETE FROM bundle_paths WHERE bundle = (SELECT ?)");

  const byId = db.prepare<Row, [string]>("SELECT * FROM bundles WHERE id = ?");
  const openOfScope = db.prepare<{ id: string }, [string, number]>(`
    SELECT id FROM bundles WHERE status = 'SUBMITTED' AND scope = (SELECT ?1) ORDER BY row LIMIT (SELECT ?2)`);
  const openOfTask = db.prepare<{ id: string }, [string, number]>(`
    SELECT id FROM bundles WHERE status = 'SUBMITTED' AND task_id = (SELECT ?1) ORDER BY row LIMIT (SELECT ?2)`);
  const before = db.prepare<Row, [number, number]>("SELECT * FROM bundles WHERE row < ?1 ORDER BY row DESC LIMIT ?2");
  const after = db.prepare<Row, [number, number]>("SELECT * FROM bundles WHERE row > ?1 ORDER BY row LIMIT ?2");
  const pathsOf = db.prepare<{ scope: string; path: string }, [number]>(`
    SELECT scope, path FROM bundle_paths WHERE bundle = (SELECT ?)`);
  const at = db.prepare<{ bundle: number }, [string, string, number]>(`
    SELECT bundle FROM bundle_paths WHERE scope = (SELECT ?1) AND path = (SELECT ?2)
    ORDER BY bundle DESC LIMIT (SELECT ?3)`);
  const below = db.prepare<{ bundle: number }, [string, string, string]>(`
    SELECT bundle FROM bundle_paths WHERE scope = (SELECT ?1) AND path > (SELECT ?2) AND path < (SELECT ?3)`);
  const atRow = db.prepare<Row, [number]>("SELECT * FROM bundles WHERE row = ?");

  return {
    insert(bundle: BundleRecord, paths: readonly string[], seq: number): void {
      const inserted = insert.get(
        bundle.bundleId,
        seq,
        bundle.provider,
        bundle.owner,
        bundle.scope,
        bundle.baseRevision,
        bundle.headRevision,
        bundle.pathCount,
        bundle.diffChars,
        bundle.diffSummary,
        bundle.confidence,
        bundle.verified,
        bundle.taskId,
        bundle.nodeId,
        bundle.supersedes,
        bundle.submittedAtMs,
      );
      const { row } = present(inserted, "the row of a bundle that was stored");
      insertPaths.run(bundle.scope, JSON.stringify(paths.map(foldedPath)), row);
    },
    /** A decided bundle meets no new one. */
    decide(bundleId: string, status: BundleStatus, seq: number, atMs: number, decision: Json): void {
      const decided = decide.get(status, seq, atMs, JSON.stringify(decision), bundleId);
      removePaths.run(present(decided, "the row of bundle", bundleId).row);
    },

    find(bundleId: string): BundleRecord | null {
      const row = byId.get(bundleId);
      return row === null ? null : toRecord(row);
    },
    openOf({ scope, taskId }: { scope: string | null; taskId: string | null }, limit: number): string[] {
      if (taskId !== null) return openOfTask.all(taskId, limit).map(({ id }) => id);
      return openOfScope.all(present(scope, "the scope of open bundles"), limit).map(({ id }) => id);
    },

    /** Open bundles that have one of these paths, or one above or below it, newest first. */
    meeting(scope: string, paths: readonly string[], limit: number): BundleRecord[] {
      const rows = new Set<number>();
      if (openOfScope.get(scope, 1) === null) return [];
      const names = paths.map(foldedPath);
      // The newest of all are among the newest of one of them.
      for (const name of new Set(names.flatMap((path) => [path, ...directoriesOver(path)]))) {
        for (const { bundle } of at.all(scope, name, limit)) rows.add(bundle);
      }
      for (const name of names) {
        for (const { bundle } of below.all(scope, `${name}/`, `${name}0`)) rows.add(bundle);
      }
      const newest = [...rows].toSorted((a, b) => b - a).slice(0, limit);
      return newest.map((row) => toRecord(present(atRow.get(row), "the bundle of a path")));
    },

    placeOf: (bundleId: string): number | null => byId.get(bundleId)?.row ?? null,
    /** Newest first. */
    list: (beforePlace: number, bounds: SliceBounds): (BundleRecord & Listed)[] =>
      boundedRows(before.iterate(beforePlace, bounds.rows), bounds).map((row) => ({
        ...toRecord(row),
        place: row.row,
        chars: textChars(row),
      })),

    slice(afterRow: number, bounds: SliceBounds): BundleSliceRow[] {
      const rows = boundedRows(after.iterate(afterRow, bounds.rows), bounds, ({ path_count: paths }) => 256 * paths);
      return rows.map((row) => {
        const paths = pathsOf.all(row.row);
        // A path of it that is kept for another scope.
        const stray = paths.find(({ scope }) => scope !== row.scope);
        const misfit = stray === undefined ? null : { field: "strayPath", expected: null, found: stray.path };
        return { ...toReplayed(row), paths: pathsText(paths.map(({ path }) => path)), misfit };
      });
    },
  };
}

function toRecord(row: Row): BundleRecord & BundleHead {
  return {
    bundleId: row.id,
    submittedSeq: row.seq,
    status: row.status,
    provider: row.provider,
    owner: row.owner,
    scope: row.scope,
    baseRevision: row.base_revision,
    headRevision: row.head_revision,
    pathCount: row.path_count,
    diffChars: row.diff_chars,
    diffSummary: row.diff_summary,
    confidence: row.confidence,
    verified: row.verified,
    taskId: row.task_id,
    nodeId: row.node_id,
    supersedes: row.supersedes,
    submittedAtMs: row.submitted_at_ms,
    decision:
      row.decision === null
        ? null
        : {
            ...(JSON.parse(row.decision) as Omit<BundleDecision, "seq" | "atMs">),
            seq: present(row.decided_seq, "the seq of a decision"),
            atMs: present(row.decided_at_ms, "the time of a decision"),
          },
  };
}

function toReplayed(row: Row): Omit<BundleSliceRow, "paths" | "misfit"> {
  return {
    row: row.row,
    id: row.id,
    seq: row.seq,
    status: row.status,
    provider: row.provider,
    owner: row.owner,
    scope: row.scope,
    baseRevision: row.base_revision,
    headRevision: row.head_revision,
    pathCount: row.path_count,
    diffChars: row.diff_chars,
    diffSummary: row.diff_summary,
    confidence: row.confidence,
    verified: row.verified,
    supersedes: row.supersedes,
    submittedAtMs: row.submitted_at_ms,
    decidedAtMs: row.decided_at_ms,
    taskId: row.task_id,
    nodeId: row.node_id,
    decidedSeq: row.decided_seq,
    decision: row.decision,
  };
}
