import type { Database } from "bun:sqlite";
import type { EndedLock } from "../../core/effects.ts";
import type { HeldKey, LockGrant, LockHead } from "../../core/model.ts";
import { indexTerms, type SearchTerms } from "../../core/locks/resource-index.ts";
import { readResourceKey } from "../../core/locks/resource-key.ts";
import { parseStored } from "../../protocol/json.ts";
import type { LockMode } from "../../protocol/types.ts";
import { present } from "../../protocol/present.ts";
import type { LeasedLock, ListedLock, Metadata } from "../reads.ts";
import { boundedRows, type SliceBounds, textChars } from "./slices.ts";

interface HeadRow {
  row: number;
  resource_key: string;
  normal_key: string;
  scope: string;
  mode: LockMode;
  ignore_case: 0 | 1;
  lease_id: string;
  owner: string;
  provider: string | null;
  task_id: string | null;
  node_id: string | null;
  ends_with_node: 0 | 1;
  acquired_at_ms: number;
  lease_expires_at_ms: number;
  lease_ttl_ms: number;
  fencing_token: number;
  updated_at_ms: number;
}

/** A row of the table. */
export interface LockRow extends HeadRow {
  metadata: string;
}

/** A lock under one of its terms. */
interface TermRow extends HeadRow {
  term: string;
}

/** Locks read at once for those that may overlap. */
const nearAtOnce: SliceBounds = { rows: 64, chars: 64 << 10 };

/** All but what may be large: a search reads many of them. */
const headColumns = `
  locks.row, resource_key, normal_key, locks.scope, mode, ignore_case, lease_id, owner, provider, task_id, node_id,
  ends_with_node, acquired_at_ms, lease_expires_at_ms, lease_ttl_ms, fencing_token, updated_at_ms`;

/** Puts what may be large behind the rest, so that this is read without it. */
export function moveMetadata(db: Database): void {
  db.run("ALTER TABLE locks ADD COLUMN moved TEXT NOT NULL DEFAULT '{}'");
  db.run("UPDATE locks SET moved = metadata");
  db.run("ALTER TABLE locks DROP COLUMN metadata");
  db.run("ALTER TABLE locks RENAME COLUMN moved TO metadata");
}

/** What finds a lock under the grant it was read with. */
type Identity = [leaseId: string, scope: string, normalKey: string, fencingToken: number];
const identity = (head: LockHead): Identity => [head.leaseId, head.scope, head.normalKey, head.fencingToken];

type PutValues = [
  resourceKey: string,
  normalKey: string,
  scope: string,
  mode: LockMode,
  ignoreCase: number,
  leaseId: string,
  owner: string,
  provider: string | null,
  taskId: string | null,
  nodeId: string | null,
  metadata: string,
  endsWithNode: number,
  acquiredAtMs: number,
  expiresAtMs: number,
  ttlMs: number,
  fencingToken: number,
];

/** Keys that are held, and under which terms they are found by those that overlap. (SELECT ?): see ready.ts. */
export function lockTable(db: Database) {
  const put = db.prepare<{ row: number }, PutValues>(`
    INSERT INTO locks (
      resource_key, normal_key, scope, mode, ignore_case, lease_id, owner, provider, task_id, node_id, metadata,
      ends_with_node, acquired_at_ms, lease_expires_at_ms, lease_ttl_ms, fencing_token, updated_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?13)
    ON CONFLICT (lease_id, scope, normal_key) DO UPDATE SET
      mode = ?4, task_id = ?9, node_id = ?10, metadata = ?11, ends_with_node = ?12, fencing_token = ?16,
      updated_at_ms = ?13
    RETURNING row`);
  const putTerm = db.prepare<null, [string, string, number]>("INSERT OR IGNORE INTO lock_terms VALUES (?, ?, ?)");
  const removeTerm = db.prepare<null, [string, string, number]>(`
    DELETE FROM lock_terms WHERE scope = ? AND term = ? AND lock = ?`);
  const remove = db.prepare<{ row: number }, [string, string, string]>(`
    DELETE FROM locks WHERE lease_id = ? AND scope = ? AND normal_key = ? RETURNING row`);

  const after = db.prepare<HeadRow, [number, number]>(`
    SELECT ${headColumns} FROM locks WHERE row > ?1 ORDER BY row LIMIT ?2`);
  // Its bytes are known without reading it.
  const ofLease = db.prepare<HeadRow & { bytes: number }, [string]>(`
    SELECT ${headColumns}, octet_length(metadata) AS bytes FROM locks WHERE lease_id = (SELECT ?) ORDER BY row`);
  const onKey = db.prepare<HeadRow, [string, string]>(`
    SELECT ${headColumns} FROM locks WHERE scope = (SELECT ?1) AND normal_key = (SELECT ?2) ORDER BY row`);
  const ofOwner = db.prepare<{ 1: 1 }, [string, string | null]>(`
    SELECT 1 FROM locks WHERE owner = (SELECT ?1) AND provider IS ?2 LIMIT 1`);
  const ofTasks = db.prepare<{ task_id: string }, []>("SELECT DISTINCT task_id FROM locks WHERE task_id IS NOT NULL");
  const inScope = db.prepare<{ ignore_case: 0 | 1 }, [string]>(`
    SELECT ignore_case FROM locks WHERE scope = (SELECT ?) LIMIT 1`);
  const outlive = db.prepare<null, [number, string]>(`
    UPDATE locks SET ends_with_node = 0, lease_expires_at_ms = ?1, lease_ttl_ms = 0
    WHERE ends_with_node AND task_id = (SELECT ?2)`);
  const ofNodes = db.prepare<{ lease_id: string }, [string]>(`
    SELECT DISTINCT lease_id FROM locks WHERE ends_with_node AND task_id = (SELECT ?) ORDER BY lease_id`);
  const granted = "lease_id = (SELECT ?1) AND scope = (SELECT ?2) AND normal_key = (SELECT ?3) AND fencing_token = ?4";
  const isHeld = db.prepare<{ 1: 1 }, Identity>(`SELECT 1 FROM locks WHERE ${granted}`);
  const metadata = db.prepare<{ bytes: number; metadata: string | null }, [...Identity, number]>(`
    SELECT octet_length(metadata) AS bytes, iif(octet_length(metadata) <= ?5, metadata, NULL) AS metadata
    FROM locks WHERE ${granted}`);
  const due = db.prepare<{ lease_id: string }, [number, number]>(`
    SELECT lease_id FROM locks WHERE NOT ends_with_node AND lease_expires_at_ms <= (SELECT ?1)
    ORDER BY lease_expires_at_ms LIMIT (SELECT ?2)`);
  const nextDeadline = db.prepare<{ deadline: number }, []>(`
    SELECT lease_expires_at_ms AS deadline FROM locks WHERE NOT ends_with_node ORDER BY lease_expires_at_ms LIMIT 1`);
  const count = db.prepare<{ all: number; expired: number }, [number]>(`
    SELECT count(*) AS "all",
      count(*) FILTER (WHERE lease_expires_at_ms <= ? AND NOT ends_with_node) AS expired
    FROM locks`);
  const extend = db.prepare<null, [number, number, number, string]>(`
    UPDATE locks SET lease_expires_at_ms = ?1, lease_ttl_ms = ?2, updated_at_ms = ?3 WHERE lease_id = (SELECT ?4)`);
  const shift = db.prepare<null, [number]>("UPDATE locks SET lease_expires_at_ms = lease_expires_at_ms + ?");
  const renew = db.prepare<null, [number]>(`
    UPDATE locks SET lease_expires_at_ms = ? + lease_ttl_ms WHERE lease_ttl_ms > 0`);

  return {
    put(grant: LockGrant, key: HeldKey, fencingToken: number): void {
      const stored = put.get(
        key.resourceKey,
        key.normalKey,
        key.scope,
        key.mode,
        Number(key.ignoreCase),
        grant.leaseId,
        grant.owner,
        grant.provider,
        grant.taskId,
        grant.nodeId,
        JSON.stringify(grant.metadata),
        Number(grant.endsWithNode),
        grant.acquiredAtMs,
        grant.expiresAtMs,
        grant.ttlMs,
        fencingToken,
      );
      const { row } = present(stored, "the row of a lock that was stored");
      for (const term of termsOf(key)) putTerm.run(key.scope, term, row);
    },
    remove(lock: EndedLock): void {
      const removed = remove.get(lock.leaseId, lock.scope, lock.normalKey);
      const { row } = present(removed, "a lock of lease", lock.leaseId);
      for (const term of termsOf(lock)) removeTerm.run(lock.scope, term, row);
    },
    extend(leaseId: string, expiresAtMs: number, ttlMs: number, nowMs: number): void {
      extend.run(expiresAtMs, ttlMs, nowMs, leaseId);
    },

    near: lockSearch(db),
    isHeld: (head: LockHead): boolean => isHeld.get(...identity(head)) !== null,
    metadata(head: LockHead, bytesMax: number): Metadata | null {
      const row = metadata.get(...identity(head), bytesMax);
      return row && { bytes: row.bytes, told: row.metadata === null ? null : { json: parseStored(row.metadata) } };
    },
    list: (afterPlace: number, bounds: SliceBounds): ListedLock[] =>
      boundedRows(after.iterate(afterPlace, bounds.rows), bounds).map((row) => ({
        ...toHead(row),
        place: row.row,
        chars: textChars(row),
      })),
    ofLease: (leaseId: string): LeasedLock[] =>
      ofLease.all(leaseId).map((row) => ({ ...toHead(row), metadataBytes: row.bytes })),
    holdsAnything: (owner: string, provider: string | null): boolean => ofOwner.get(owner, provider) !== null,
    on: (scope: string, normalKey: string): LockHead[] => onKey.all(scope, normalKey).map(toHead),
    /** Whether case counts in what is held of a scope; null where nothing is. */
    ignoresCase(scope: string): boolean | null {
      const row = inScope.get(scope);
      return row === null ? null : row.ignore_case === 1;
    },
    /** Tasks that locks are held for, be they any of agentd's. */
    taskIds: (): ReadonlySet<string> => new Set(ofTasks.all().map(({ task_id: id }) => id)),
    /** Locks that were to end with nodes of the task are over, and end by themselves. */
    outlive(taskId: string, nowMs: number): void {
      outlive.run(nowMs, taskId);
    },
    leasesOfNodes: (taskId: string): string[] => ofNodes.all(taskId).map(({ lease_id: id }) => id),

    dueLeases: (nowMs: number, limit: number): string[] => [
      ...new Set(due.all(nowMs, limit).map(({ lease_id: id }) => id)),
    ],
    nextDeadlineMs: (): number | null => nextDeadline.get()?.deadline ?? null,
    count: (nowMs: number) => present(count.get(nowMs), "the count of locks"),
    shiftDeadlines(byMs: number): void {
      shift.run(byMs);
    },
    renewLeases(nowMs: number): void {
      renew.run(nowMs);
    },
  };
}

/** Finds locks under some terms, some of them maybe twice. */
function lockSearch(db: Database) {
  // Some at a time: a cursor left open would forbid to read anything else meanwhile.
  const under = db.prepare<TermRow, [string, string, number]>(`
    SELECT term, ${headColumns} FROM lock_terms CROSS JOIN locks ON locks.row = lock
    WHERE lock_terms.scope = (SELECT ?1) AND term = (SELECT ?2) AND lock > (SELECT ?3) ORDER BY lock LIMIT ${nearAtOnce.rows}`);
  const between = db.prepare<TermRow, [string, string, number, string]>(`
    SELECT term, ${headColumns} FROM lock_terms CROSS JOIN locks ON locks.row = lock
    WHERE lock_terms.scope = (SELECT ?1) AND (term, lock) > ((SELECT ?2), (SELECT ?3)) AND term < (SELECT ?4)
    ORDER BY term, lock LIMIT ${nearAtOnce.rows}`);

  return function* near(scope: string, { exact, ranges }: SearchTerms): Generator<LockHead, void> {
    for (const term of exact) yield* inSlices(term, (_, row) => under.iterate(scope, term, row));
    for (const { from, to } of ranges) yield* inSlices(from, (term, row) => between.iterate(scope, term, row, to));
  };
}

/** Reads slice after slice, each from the last row of the one before; the first from before all rows of a term. */
function* inSlices(first: string, read: (term: string, row: number) => Iterable<TermRow>): Generator<LockHead, void> {
  for (let [term, row] = [first, 0]; ;) {
    const slice = boundedRows(read(term, row), nearAtOnce);
    for (const its of slice) yield toHead(its);
    const last = slice.at(-1);
    if (last === undefined) return;
    const isFull =
      slice.length === nearAtOnce.rows || slice.reduce((sum, its) => sum + textChars(its), 0) > nearAtOnce.chars;
    if (!isFull) return;
    ({ term, row } = last);
  }
}

/** A key that is held was read once; its terms follow from its normal form. */
export function termsOf({ normalKey, ignoreCase }: Pick<HeldKey, "normalKey" | "ignoreCase">): string[] {
  return indexTerms(readResourceKey(normalKey, { ignoreCase, scope: "global" }));
}

function toHead(row: HeadRow): LockHead {
  return {
    resourceKey: row.resource_key,
    normalKey: row.normal_key,
    scope: row.scope,
    mode: row.mode,
    ignoreCase: row.ignore_case === 1,
    leaseId: row.lease_id,
    owner: row.owner,
    provider: row.provider,
    taskId: row.task_id,
    nodeId: row.node_id,
    endsWithNode: row.ends_with_node === 1,
    acquiredAtMs: row.acquired_at_ms,
    expiresAtMs: row.lease_expires_at_ms,
    ttlMs: row.lease_ttl_ms,
    fencingToken: row.fencing_token,
    updatedAtMs: row.updated_at_ms,
  };
}
