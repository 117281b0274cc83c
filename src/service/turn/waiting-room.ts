import type { ClockReading } from "../../core/lease/clock.ts";
import type { News } from "../../core/journal/topics.ts";
import type { AnyPending } from "../handler.ts";
import type { Call } from "./call.ts";
import type { Job, Session } from "./sessions.ts";

/** A request whose answer is not ready. */
export interface Waiter extends Job {
  readonly pending: AnyPending;
  /** On the monotonic clock, so that a clock step neither cuts a wait short nor draws it out. */
  readonly deadlineMs: number;
}

/**
 * Requests that wait: for a topic of the journal, for their next slice, or for their deadline. First come, first served.
 *
 * Reading waiters are asked after a commit. Mutating ones are asked inside the unit that makes their answer possible,
 * before any later request of it: what they wait for cannot be taken in between.
 */
export class WaitingRoom {
  readonly mutating = new Set<Waiter>();
  readonly reading = new Set<Waiter>();
  /** Mutating ones for whom there was no time when something moved. */
  readonly owed = new Set<Waiter>();
  /** After a commit of which nobody knows whether it lasted: what mutating ones wait for may be there. */
  outcomeUnknown = false;

  add(waiter: Waiter): void {
    (waiter.call.mutates ? this.mutating : this.reading).add(waiter);
  }

  /** A reading one that goes on: those for whom there was no time come first in the next turn. */
  putLast(waiter: Waiter): void {
    this.reading.delete(waiter);
    this.reading.add(waiter);
  }

  /** It has its answer, or never gets one: the only way out. */
  remove(waiter: Waiter): void {
    this.mutating.delete(waiter);
    this.reading.delete(waiter);
    this.owed.delete(waiter);
    waiter.pending.end?.();
  }

  of(session: Session): Waiter[] {
    return [...this.mutating, ...this.reading].filter(({ slot }) => slot.session === session);
  }

  /** The request that waits to change state under this idempotency key, if its client is there to be answered. */
  under(key: string): Call | null {
    for (const { call, slot } of this.mutating) {
      if (call.request.idempotencyKey === key && !slot.session.gone) return call;
    }
    return null;
  }

  /** Whether a reading one goes on in the very next turn. */
  get reads(): boolean {
    return someWantsTurn(this.reading);
  }

  /** Whether mutating ones go on in the very next turn: with their work, or as what they wait for may be there. */
  get mutates(): boolean {
    return this.outcomeUnknown || someWantsTurn(this.mutating);
  }

  /** Whether mutating ones must be asked now: they go on, or a deadline has passed. */
  isDue({ monotonicMs }: ClockReading): boolean {
    if (this.mutates) return true;
    for (const { deadlineMs } of this.mutating) if (deadlineMs <= monotonicMs) return true;
    return false;
  }

  /** Of the monotonic clock; infinite while nobody's wait ends. */
  get nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.mutating) next = Math.min(next, deadlineMs);
    for (const { deadlineMs } of this.reading) next = Math.min(next, deadlineMs);
    return next;
  }

  /** Clients whose next request begins when an earlier one of theirs is done. */
  get clientsInOrder(): Set<Session> {
    const sessions = new Set<Session>();
    for (const { slot, pending } of this.mutating) if (pending.keepsOrder === true) sessions.add(slot.session);
    return sessions;
  }
}

/** One that begins to wait now. */
export function waiterOf({ slot, call }: Job, pending: AnyPending, monotonicMs: number): Waiter {
  const { waitMs } = pending;
  const deadlineMs = waitMs === null ? Number.POSITIVE_INFINITY : monotonicMs + waitMs;
  return { slot, call, pending, deadlineMs };
}

function someWantsTurn(waiters: ReadonlySet<Waiter>): boolean {
  for (const { pending } of waiters) if (pending.wakes === "turn") return true;
  return false;
}

export function isWoken({ pending: { wakes } }: Waiter, news: News): boolean {
  return typeof wakes === "string" || news.wakes(wakes);
}
