import type { NodeEntry } from "./entries.ts";
import { Heap } from "./heap.ts";

/** When leases of nodes, and delays, are over. */
export class Deadlines {
  readonly #leases = new Heap<"dueAt", NodeEntry>("dueAt", (a, b) => goesBefore(leaseEndMs(a), leaseEndMs(b), a, b));
  readonly #delays = new Heap<"dueAt", NodeEntry>("dueAt", (a, b) => goesBefore(delayEndMs(a), delayEndMs(b), a, b));
  /** Leases without length, the original's test mode: they are over at once, and end when somebody wants the node. */
  readonly #withoutLength = new Set<NodeEntry>();

  /** Takes the node out, before its state is another. */
  remove(node: NodeEntry): void {
    if (node.state.status === "RUNNING") {
      this.#leases.remove(node);
      this.#withoutLength.delete(node);
    } else this.#delays.remove(node);
  }

  /** Puts the node in, where it has a lease or a delay. */
  put(node: NodeEntry): void {
    const { status, lease, notBeforeMs } = node.state;
    if (status !== "RUNNING") {
      if (notBeforeMs !== null) this.#delays.put(node);
    } else if (lease?.ttlMs === 0) this.#withoutLength.add(node);
    else this.#leases.put(node);
  }

  /** Nodes whose lease is over, the longest overdue first; not those without length. */
  due(nowMs: number, limit: number): NodeEntry[] {
    return this.#leases.firstUpTo(limit, (node) => leaseEndMs(node) <= nowMs);
  }

  /** The same, of those that are asked for, and those without length last. */
  expired(nowMs: number, isAsked: (node: NodeEntry) => boolean): NodeEntry[] {
    const isOver = (node: NodeEntry) => leaseEndMs(node) <= nowMs;
    const over = this.#leases.upTo(isOver).filter(isAsked);
    return [...this.byEnd(over), ...this.byEnd(this.#withoutLength.values().filter(isOver).filter(isAsked))];
  }

  /** RUNNING nodes in the order in which their leases end. */
  byEnd(running: Iterable<NodeEntry>): NodeEntry[] {
    return [...running].toSorted((a, b) => (goesBefore(leaseEndMs(a), leaseEndMs(b), a, b) ? -1 : 1));
  }

  countExpired(nowMs: number): number {
    let count = 0;
    for (const _ of this.#leases.upTo((node) => leaseEndMs(node) <= nowMs)) count++;
    for (const node of this.#withoutLength) if (leaseEndMs(node) <= nowMs) count++;
    return count;
  }

  /** The node whose delay is over first, if that is by now. */
  delayedUntil(nowMs: number): NodeEntry | undefined {
    const { first } = this.#delays;
    return first !== undefined && delayEndMs(first) <= nowMs ? first : undefined;
  }

  get delayed(): Iterable<NodeEntry> {
    return this.#delays.upTo(() => true);
  }

  /** When the next lease is over; null when there is none. */
  get nextLeaseMs(): number | null {
    const { first } = this.#leases;
    return first === undefined ? null : leaseEndMs(first);
  }

  /** The same for delays. */
  get nextDelayMs(): number | null {
    const { first } = this.#delays;
    return first === undefined ? null : delayEndMs(first);
  }
}

const leaseEndMs = ({ state }: NodeEntry): number => state.lease?.expiresAtMs ?? Number.POSITIVE_INFINITY;
const delayEndMs = ({ state }: NodeEntry): number => state.notBeforeMs ?? Number.POSITIVE_INFINITY;

/** What is over at the same time ends in registration order. */
const goesBefore = (ms: number, otherMs: number, node: NodeEntry, other: NodeEntry): boolean =>
  ms === otherMs ? node.row < other.row : ms < otherMs;
