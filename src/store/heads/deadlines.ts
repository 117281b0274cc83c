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
    return this.#leases.firstUpTo(limit, overBy(nowMs));
  }

  /** The same, of those that are asked for, and those without length last. */
  expired(nowMs: number, isAsked: (node: NodeEntry) => boolean): NodeEntry[] {
    const over = this.#leases.upTo(overBy(nowMs)).filter(isAsked);
    const withoutLength = this.#withoutLength.values().filter(overBy(nowMs)).filter(isAsked);
    return [...this.byEnd(over), ...this.byEnd(withoutLength)];
  }

  /** RUNNING nodes in the order in which their leases end. */
  byEnd(running: Iterable<NodeEntry>): NodeEntry[] {
    return [...running].toSorted((a, b) => (goesBefore(leaseEndMs(a), leaseEndMs(b), a, b) ? -1 : 1));
  }

  countExpired(nowMs: number): number {
    const isOver = overBy(nowMs);
    const some = [this.#leases.upTo(isOver), this.#withoutLength.values().filter(isOver)];
    return some.reduce((sum, nodes) => sum + nodes.reduce((count) => count + 1, 0), 0);
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

const overBy = (nowMs: number) => (node: NodeEntry) => leaseEndMs(node) <= nowMs;

/** What is over at the same time ends in registration order. */
const goesBefore = (ms: number, otherMs: number, node: NodeEntry, other: NodeEntry): boolean =>
  ms === otherMs ? node.row < other.row : ms < otherMs;
