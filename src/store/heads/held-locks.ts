import { indexTerms, type SearchTerms } from "../../core/locks/resource-index.ts";
import { readResourceKey } from "../../core/locks/resource-key.ts";
import type { LockHead } from "../../core/model.ts";
import type { LeasedLock } from "../reads.ts";
import { Groups } from "./groups.ts";
import { Heap } from "./heap.ts";
import { SortedList } from "./sorted-list.ts";

/** A lock on record: all of it but its metadata. */
export class LockEntry {
  /** Among what is over at some time. */
  dueAt = -1;
  /** In the order of first grants. */
  readonly row: number;
  /** It is never changed: another takes its place. Lease, owner and key stay the same. */
  state: LeasedLock;
  /** Under which it is met. A key that is held was read once; they follow from its normal form. */
  readonly terms: readonly Term[];

  constructor({ row, state }: StoredLock) {
    this.row = row;
    this.state = state;
    const { normalKey, ignoreCase } = state;
    const terms = indexTerms(readResourceKey(normalKey, { ignoreCase, scope: "global" }));
    this.terms = terms.map((term) => ({ term, lock: this }));
  }
}

/** A lock that comes into memory. */
export type StoredLock = Pick<LockEntry, "row" | "state">;

interface Term {
  term: string;
  lock: LockEntry;
}

/** Locks of one scope, by their keys and their terms. */
class Scope {
  readonly onKey = new Groups<LockEntry>();
  readonly terms = new SortedList(byTerm);
}

/** What names a lock of a lease. */
type NamedLock = Pick<LockHead, "leaseId" | "scope" | "normalKey">;

/** All locks that are held, and by what they are found. */
export class HeldLocks {
  readonly #undo: (() => void)[];
  readonly #all = new SortedList<LockEntry>((a, b) => a.row - b.row);
  readonly #ofLease = new Groups<LockEntry>();
  readonly #ofParty = new Groups<LockEntry>();
  readonly #ofTask = new Groups<LockEntry>();
  readonly #scopes = new Map<string, Scope>();
  /** Of those that do not end with a node. */
  readonly #deadlines = new Heap<"dueAt", LockEntry>("dueAt", (a, b) => byDeadline(a, b) < 0);

  /** `undo` takes back what the open unit has changed, the last change first. */
  constructor(undo: (() => void)[]) {
    this.#undo = undo;
  }

  get all(): Iterable<LockEntry> {
    return this.#all.from(() => false);
  }

  get size(): number {
    return this.#all.size;
  }

  /** In the order they were first granted. */
  after(row: number): Iterable<LockEntry> {
    return this.#all.from((lock) => lock.row <= row);
  }

  ofLease(leaseId: string): LockEntry[] {
    return byRow(this.#ofLease.of(leaseId));
  }

  on(scope: string, normalKey: string): LockEntry[] {
    return byRow(this.#scopes.get(scope)?.onKey.of(normalKey) ?? []);
  }

  held({ leaseId, scope, normalKey }: NamedLock): LockEntry | undefined {
    const onKey = this.#scopes.get(scope)?.onKey.of(normalKey);
    return onKey?.values().find((lock) => lock.state.leaseId === leaseId);
  }

  /** The lock under the very grant it was read with. */
  granted(head: NamedLock & Pick<LockHead, "fencingToken">): LockEntry | undefined {
    const lock = this.held(head);
    return lock?.state.fencingToken === head.fencingToken ? lock : undefined;
  }

  holdsAnything(owner: string, provider: string | null): boolean {
    return this.#ofParty.of(partyOf(owner, provider)).size > 0;
  }

  /** Tasks that locks are held for, be they any of agentd's. */
  get taskIds(): ReadonlySet<string> {
    return this.#ofTask.names;
  }

  /** Locks that end with nodes of the task. */
  ofNodes(taskId: string): LockEntry[] {
    return byRow(this.#ofTask.of(taskId)).filter(({ state }) => state.endsWithNode);
  }

  ignoresCase(scope: string): boolean | null {
    return this.#scopes.get(scope)?.terms.first?.lock.state.ignoreCase ?? null;
  }

  /** Finds locks under some terms, some of them maybe twice. */
  *near(scope: string, { exact, ranges }: SearchTerms): Generator<LockHead, void> {
    for (const term of exact) yield* this.#between(scope, term, (its) => its === term);
    for (const { from, to } of ranges) yield* this.#between(scope, from, (its) => its < to);
  }

  *#between(scope: string, from: string, isIn: (term: string) => boolean): Generator<LockHead, void> {
    const terms = this.#scopes.get(scope)?.terms.from(({ term }) => term < from) ?? [];
    for (const { term, lock } of terms) {
      if (!isIn(term)) return;
      yield lock.state;
    }
  }

  /** Those whose time is over, the longest overdue first. */
  due(nowMs: number, limit: number): LockEntry[] {
    return this.#deadlines.firstUpTo(limit, ({ state }) => state.expiresAtMs <= nowMs);
  }

  countOver(nowMs: number): number {
    return this.#deadlines.upTo(({ state }) => state.expiresAtMs <= nowMs).reduce((count) => count + 1, 0);
  }

  get nextDeadlineMs(): number | null {
    return this.#deadlines.first?.state.expiresAtMs ?? null;
  }

  add(stored: StoredLock): void {
    const lock = new LockEntry(stored);
    this.#put(lock);
    this.#undo.push(() => this.#takeOut(lock));
  }

  /** Takes in what was held when the daemon last ran. */
  load(stored: Iterable<StoredLock>): void {
    const locks = Array.from(stored, (one) => new LockEntry(one));
    this.#all.putAll(locks);
    for (const [scope, its] of Map.groupBy(locks, ({ state }) => state.scope))
      this.#scope(scope).terms.putAll(its.flatMap(({ terms }) => terms));
    for (const lock of locks) this.#enter(lock);
  }

  remove(lock: LockEntry): void {
    this.#takeOut(lock);
    this.#undo.push(() => this.#put(lock));
  }

  /** Another state takes its place. */
  change(lock: LockEntry, change: Partial<Omit<LeasedLock, keyof NamedLock | "owner" | "provider">>): void {
    const before = lock.state;
    this.#move(lock, { ...before, ...change });
    this.#undo.push(() => this.#move(lock, before));
  }

  #put(lock: LockEntry): void {
    this.#all.put(lock);
    for (const term of lock.terms) this.#scope(lock.state.scope).terms.put(term);
    this.#enter(lock);
  }

  #takeOut(lock: LockEntry): void {
    const { terms } = this.#scope(lock.state.scope);
    this.#all.remove(lock);
    for (const term of lock.terms) terms.remove(term);
    this.#leave(lock);
    if (terms.size === 0) this.#scopes.delete(lock.state.scope);
  }

  #move(lock: LockEntry, state: LeasedLock): void {
    this.#leave(lock);
    lock.state = state;
    this.#enter(lock);
  }

  #enter(lock: LockEntry): void {
    for (const [group, name] of this.#groupsOf(lock.state)) group.add(name, lock);
    if (!lock.state.endsWithNode) this.#deadlines.put(lock);
  }

  #leave(lock: LockEntry): void {
    for (const [group, name] of this.#groupsOf(lock.state)) group.remove(name, lock);
    this.#deadlines.remove(lock);
  }

  #groupsOf({ leaseId, scope, normalKey, owner, provider, taskId }: LeasedLock): [Groups<LockEntry>, string][] {
    const ofTask: [Groups<LockEntry>, string][] = taskId === null ? [] : [[this.#ofTask, taskId]];
    return [
      [this.#ofLease, leaseId],
      [this.#scope(scope).onKey, normalKey],
      [this.#ofParty, partyOf(owner, provider)],
      ...ofTask,
    ];
  }

  #scope(name: string): Scope {
    const known = this.#scopes.get(name);
    if (known !== undefined) return known;
    const scope = new Scope();
    this.#scopes.set(name, scope);
    return scope;
  }
}

const partyOf = (owner: string, provider: string | null): string => JSON.stringify([owner, provider]);

const byRow = (locks: Iterable<LockEntry>): LockEntry[] => [...locks].toSorted((a, b) => a.row - b.row);

const byDeadline = (a: LockEntry, b: LockEntry): number => a.state.expiresAtMs - b.state.expiresAtMs || a.row - b.row;

function byTerm(a: Term, b: Term): number {
  if (a.term === b.term) return a.lock.row - b.lock.row;
  return a.term < b.term ? -1 : 1;
}
