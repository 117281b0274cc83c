import type { Answer } from "../../../test/service/harness.ts";
import type { Row } from "../../../test/service/model/journal.ts";
import { collide, type ModelKey, modelKey } from "../../../test/service/model/keys.ts";
import type { Ask } from "../../../test/service/model/reference.ts";
import { type Params, text } from "../../../test/service/model/views.ts";
import { Witness } from "../../../test/service/model/witness.ts";

/** Something a client wants done once, over all attempts at it. */
export interface Operation {
  ask: Ask & { key: string };
  /** The furthest place in the journal anybody had been told of when it was first sent. */
  floor: number;
  /** Since which turn the service has it, for as long as it waits there; null on its way. */
  since: number | null;
  /** How often it was sent. */
  attempts: number;
  /** Locks it stands in line for, where it does. */
  wanted: readonly ModelKey[];
}

/** Storage failures leave open what became of a request, or promise that nothing did; it is asked again. */
export const isFinal = ({ error }: Answer) =>
  !["OUTCOME_UNKNOWN", "STORAGE_FULL", "STORAGE_FAILED"].includes(error?.data.kind ?? "");

/** Each client method of which a success is one row that carries the operation's key. */
const writing = new Set([
  "RegisterTask",
  "AcquireNextNode",
  "CommitEvent",
  "CompleteNode",
  "FailNode",
  "AcquireResourceLock",
  "AcquireResourceLocks",
  "SubmitPatchBundle",
  "DecidePatchBundle",
]);

/**
 * What all clients were told, against what stands in the journal. Knows the wire, and who holds what only by the rows
 * themselves.
 */
export class History {
  readonly #witness = new Witness();
  /** Where in the journal each operation stands that has written. */
  readonly #placeOf = new Map<string, number>();
  /** The final answer of each operation. */
  readonly #answers = new Map<string, { operation: Operation; answer: Answer }>();
  readonly #completed = new Set<string>();
  readonly #tokens = new Map<number, string>();
  /** The furthest place anybody was told of. */
  furthest = 0;
  #seq = 0;

  /** New rows of the journal, once they are kept. */
  see(rows: readonly Row[]): void {
    this.#witness.see(rows);
    for (const row of rows) {
      this.#seq++;
      const { action_type, node_id } = row;
      const key = keyOf(row);
      const before = key === null ? undefined : this.#placeOf.get(key);
      if (before !== undefined) throw new Error(`${key} was applied twice, at ${before} and ${this.#seq}`);
      if (key !== null) this.#placeOf.set(key, this.#seq);
      const node = text(node_id);
      if (action_type === "COMPLETE_NODE") this.#completed.add(node);
      else if (action_type === "ACQUIRE_NODE" && this.#completed.has(node))
        throw new Error(`node ${node} was given away at ${this.#seq} although it was completed`);
    }
  }

  /** An answer as a client got it; `line` are the operations of others that wait for locks. */
  hear(operation: Operation, answer: Answer, line: readonly Operation[]): void {
    const { ask } = operation;
    const kind = answer.error?.data.kind;
    if (kind === "INTERNAL") throw new Error(`${name(operation)} met a bug: ${answer.error?.message}`);
    if (kind === "STORAGE_FULL" && operation.attempts === 1 && this.#placeOf.has(ask.key))
      throw new Error(`${name(operation)} was refused as there was no room, and was applied`);
    if (!isFinal(answer)) return;
    this.#hearOnce(operation, answer);
    this.#witness.hear(ask, answer);
    this.#hearPlace(operation, answer);
    this.#hearTokens(answer);
    if (ask.method.startsWith("AcquireResourceLock") && isGranted(answer)) this.#hearTurn(operation, answer, line);
  }

  /** At the end: everything that was acknowledged is in the journal, and nothing that was refused. */
  checkAll(rows: readonly Row[]): void {
    const places = new Map(rows.flatMap((row, index) => (keyOf(row) === null ? [] : [[keyOf(row), index + 1]])));
    if (rows.length !== this.#seq) throw new Error(`${this.#seq} rows were written, and ${rows.length} are there`);
    for (const { operation, answer } of this.#answers.values()) {
      const { method, key } = operation.ask;
      if (!writing.has(method)) continue;
      const place = places.get(key);
      if (isGranted(answer) && place === undefined) throw new Error(`${name(operation)} was acknowledged and is lost`);
      if (!isGranted(answer) && place !== undefined)
        throw new Error(`${name(operation)} was refused with ${answer.error?.data.kind ?? "null"} and applied`);
    }
  }

  #hearOnce(operation: Operation, answer: Answer): void {
    const { key } = operation.ask;
    const first = this.#answers.get(key)?.answer;
    if (first === undefined) {
      this.#answers.set(key, { operation, answer });
      return;
    }
    const { replayed, ...again } = answer;
    const { replayed: _, ...once } = first;
    if (replayed !== true || !Bun.deepEquals(again, once)) {
      const [a, b] = [JSON.stringify(first), JSON.stringify(answer)];
      throw new Error(`${name(operation)} was answered differently the second time: ${a}, then ${b}`);
    }
  }

  /** One order explains all answers: what was sent after another's answer came has no earlier place in it. */
  #hearPlace(operation: Operation, answer: Answer): void {
    const { method, key } = operation.ask;
    const seq = seqOf(answer);
    const writes = writing.has(method) && isGranted(answer);
    if (!Number.isSafeInteger(seq)) throw new Error(`${name(operation)} was told no place: ${JSON.stringify(answer)}`);
    if (writes && (this.#placeOf.get(key) ?? Infinity) > seq)
      throw new Error(`${name(operation)} was told ${seq} and stands at ${this.#placeOf.get(key) ?? "no place"}`);
    if (seq - Number(writes) < operation.floor)
      throw new Error(`${name(operation)} has place ${seq} and was sent when ${operation.floor} had been told`);
    if (seq > this.#seq) throw new Error(`${name(operation)} was told ${seq} when the journal ended at ${this.#seq}`);
    this.furthest = Math.max(this.furthest, seq);
  }

  /** A fencing token is the place of its grant, so it rises from each holder to the next; no two leases have one. */
  #hearTokens({ result }: Answer): void {
    const { fencing_token: token, lease_id } = (result ?? {}) as { fencing_token?: number; lease_id?: string };
    if (token === undefined || lease_id === undefined) return;
    const other = this.#tokens.get(token) ?? lease_id;
    if (other !== lease_id) throw new Error(`leases ${other} and ${lease_id} both have the fencing token ${token}`);
    this.#tokens.set(token, lease_id);
    if (token > this.#seq) throw new Error(`the fencing token ${token} of ${lease_id} is of no grant`);
  }

  /** Nobody gets locks while somebody waits whom they collide with and who came in an earlier turn. */
  #hearTurn(operation: Operation, { replayed }: Answer, line: readonly Operation[]): void {
    const { since, wanted } = operation;
    if (replayed === true || since === null) return;
    const passed = line.find((other) => {
      if (other === operation || other.since === null || other.since >= since) return false;
      return other.wanted.some((key) => wanted.some((its) => collide(key, its)));
    });
    if (passed !== undefined)
      throw new Error(`${name(operation)} of turn ${since} went before ${name(passed)} of turn ${passed.since}`);
  }
}

export const keysOf = ({ locks, scope = null, ...one }: Params): ModelKey[] =>
  ((locks ?? [one]) as Params[]).map((lock) => modelKey({ ...lock, scope }));

const isGranted = ({ result }: Answer) => result !== undefined && result !== null;

const name = ({ ask: { key, method } }: Operation) => `${key} (${method})`;

function seqOf({ result, error, seq }: Answer): number {
  if (error !== undefined) return Number(error.data.seq);
  return Number((result as { seq?: number } | null | undefined)?.seq ?? seq);
}

/** The key of the operation that wrote a row, where the row is its own. */
function keyOf({ action_type, payload }: Row): string | null {
  const told = payload as Record<string, Params | string | null>;
  if (action_type === "ACQUIRE_NODE") return text(told.lease_owner);
  if (action_type === "SUBMIT_PATCH_BUNDLE") return text(told.diff_summary);
  if (action_type === "DECIDE_PATCH_BUNDLE") return text(told.reason);
  for (const place of [told, told.context, told.result, told.error, told.metadata]) {
    const key = (place as Params | null | undefined)?.key;
    if (typeof key === "string") return key;
  }
  return null;
}
