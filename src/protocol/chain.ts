/* How journal rows are chained and archived. Public: an archive must be verifiable by whoever has it, without a daemon. */

export type Origin = "daemon" | "client";

/** A journal row as it is hashed: the payload as the text that is stored. */
export interface HashedRow {
  seq: number;
  id: string | null;
  taskId: string | null;
  nodeId: string | null;
  actionType: string;
  origin: Origin;
  payload: string;
  timestampMs: number;
}

/** A journal row as it is stored, its payload unread: whether it can be read is known once its hash is right. */
export interface ChainedRow {
  row: HashedRow;
  hash: string;
}

/** A row with the hash it is chained to. */
export interface ArchivedRow extends ChainedRow {
  previousHash: string;
}

/** What the first row's hash is chained to. */
export const genesisHash = "0".repeat(64);

/**
 * The text whose SHA-256 is the row's hash. Fixed fields come first, separated by characters they cannot hold; the two
 * free texts follow with the length of the first, so no two rows have the same text.
 */
export function hashedText(previousHash: string, row: HashedRow): string {
  const { seq, id, taskId, nodeId, origin, timestampMs, actionType, payload } = row;
  return `${previousHash} ${seq} ${id} ${taskId} ${nodeId} ${origin} ${timestampMs} ${actionType.length}\n${actionType}\n${payload}`;
}

/** The first line of an archive. */
export interface ArchiveHeader {
  agentd_archive: 1;
  /** Rows up to here were looked at; those that stayed are not in the archive. */
  cut_seq: number;
  written_at_ms: number;
}

/** The last line of an archive: without it, the archive is not whole. */
export interface ArchiveEnd {
  rows: number;
  last_seq: number;
}

/** One row as a line of JSON. Its payload stands last, as the text that is hashed. */
export function archiveLine({ row, previousHash, hash }: ArchivedRow): string {
  const { payload, seq, id, taskId, nodeId, actionType, origin, timestampMs } = row;
  const told = {
    seq,
    previous_hash: previousHash,
    hash,
    id,
    task_id: taskId,
    node_id: nodeId,
    action_type: actionType,
    origin,
    timestamp_ms: timestampMs,
  };
  return `${JSON.stringify(told).slice(0, -1)}${payloadKey}${payload}}`;
}

// No JSON string holds this text: its quotes would be escaped.
const payloadKey = ',"payload":';

/** The row of a line; null for a line that is none. */
function readArchiveLine(line: string): ArchivedRow | null {
  const at = line.indexOf(payloadKey);
  if (at === -1 || !line.endsWith("}")) return null;
  try {
    const told = JSON.parse(`${line.slice(0, at)}}`) as Record<string, unknown>;
    return {
      row: {
        seq: Number(told.seq),
        id: told.id as string | null,
        taskId: told.task_id as string | null,
        nodeId: told.node_id as string | null,
        actionType: String(told.action_type),
        origin: told.origin as Origin,
        payload: line.slice(at + payloadKey.length, -1),
        timestampMs: Number(told.timestamp_ms),
      },
      previousHash: String(told.previous_hash),
      hash: String(told.hash),
    };
  } catch {
    return null;
  }
}

/** Reads an archive line by line and says what is wrong with it. `sha256` gives hexadecimal. */
export class ArchiveCheck {
  readonly #sha256: (text: string) => string;
  #line = 0;
  #rows = 0;
  #firstSeq: number | null = null;
  #seq = 0;
  #hash = genesisHash;
  #ended = false;
  #fault: string | null = null;

  constructor(sha256: (text: string) => string) {
    this.#sha256 = sha256;
  }

  /** The first fault, or null while there is none. */
  get fault(): string | null {
    return this.#fault;
  }

  get rows(): number {
    return this.#rows;
  }

  get firstSeq(): number | null {
    return this.#firstSeq;
  }

  get lastSeq(): number {
    return this.#seq;
  }

  read(line: string): void {
    this.#line++;
    const fault = this.#line === 1 ? headerFault(line) : this.#ended ? "there is more after its end" : this.#next(line);
    if (fault !== null) this.#fault ??= `line ${this.#line}: ${fault}`;
  }

  /** Nothing follows. */
  end(): void {
    if (!this.#ended) this.#fault ??= "it has no last line: the archive was cut off";
  }

  #next(line: string): string | null {
    const archived = readArchiveLine(line);
    if (archived === null) return this.#last(line);
    const { row, previousHash, hash } = archived;
    if (!(row.seq > this.#seq)) return `seq ${row.seq} comes after seq ${this.#seq}`;
    if (row.seq === this.#seq + 1 && previousHash !== this.#hash)
      return `row ${row.seq} is not chained to the one before it`;
    if (this.#sha256(hashedText(previousHash, row)) !== hash)
      return `row ${row.seq} was altered: its hash does not match`;
    this.#rows++;
    this.#firstSeq ??= row.seq;
    this.#seq = row.seq;
    this.#hash = hash;
    return null;
  }

  #last(line: string): string | null {
    this.#ended = true;
    const end = parsed(line) as Partial<ArchiveEnd> | null;
    if (end === null || typeof end.rows !== "number") return "it is not a journal row";
    if (end.rows === this.#rows && end.last_seq === this.#seq) return null;
    return `it has ${this.#rows} rows up to seq ${this.#seq}, and its last line says ${end.rows} up to ${end.last_seq}`;
  }
}

function headerFault(line: string): string | null {
  const header = parsed(line) as Partial<ArchiveHeader> | null;
  return header?.agentd_archive === 1 ? null : "this is not an agentd archive";
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return null;
  }
}
