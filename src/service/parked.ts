import type { ClockReading } from "../core/clock.ts";
import type { Entry } from "../core/journal.ts";
import type { Answer, Call } from "./execute.ts";
import type { Later } from "./handler.ts";
import type { Session, Slot } from "./sessions.ts";

/** A request whose answer is not ready. */
export interface Waiting {
  readonly slot: Slot;
  readonly call: Call;
  readonly later: Later<unknown>;
}

interface Place extends Waiting {
  /** On the monotonic clock, so that a clock step neither cuts a wait short nor draws it out. */
  readonly deadlineMs: number;
}

/** Gives a waiting request's answer; null where it is still not ready. */
type Resume = (waiting: Waiting, last: boolean) => Answer | null;

/**
 * Requests that wait: for a journal entry, for their next slice, or for their deadline. First come, first served.
 *
 * Readers are asked after a commit. Takers, whose answer changes state, are asked inside the transaction that makes
 * their answer possible, before any later request of it: what they wait for cannot be taken in between.
 */
export class Parked {
  readonly #places = new Set<Place>();
  /** Takers with an answer that no commit has kept yet. */
  readonly #served = new Map<Place, Answer>();
  /** Takers that began to wait in the very turn that journalled what they wait for. */
  readonly #missed = new Set<Place>();

  /** Whether a request wants the very next turn. */
  get busy(): boolean {
    for (const { later } of this.#places) if (later.wakes === "turn") return true;
    return false;
  }

  /** Whether a taker may have missed what it waits for. */
  get behind(): boolean {
    return this.#missed.size > 0;
  }

  /** `happened` is what the turn journalled in which the request began to wait, or that time alone may have done more. */
  park(waiting: Waiting, monotonicMs: number, happened: readonly Entry[] | "everybody"): void {
    const { waitMs } = waiting.later;
    const place = { ...waiting, deadlineMs: waitMs === null ? Number.POSITIVE_INFINITY : monotonicMs + waitMs };
    this.#places.add(place);
    if (place.call.mutates && (happened === "everybody" || isWoken(place, happened))) this.#missed.add(place);
  }

  drop(session: Session): void {
    for (const place of this.#places) if (place.slot.session === session) this.#leave(place);
  }

  nextDeadlineMs(): number | null {
    let next = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.#places) next = Math.min(next, deadlineMs);
    return next === Number.POSITIVE_INFINITY ? null : next;
  }

  /** Whether a taker must be asked now: its deadline has passed, or what it waits for has happened already. */
  takerIsDue({ monotonicMs }: ClockReading): boolean {
    if (this.behind) return true;
    for (const { call, deadlineMs } of this.#places) if (call.mutates && deadlineMs <= monotonicMs) return true;
    return false;
  }

  /**
   * Asks takers, inside the transaction that journalled `entries`, or everybody where what they wait for may have come
   * without an entry; the answers are held until `settleTakers`. With `end`, the turn's end, those whose time is over are
   * asked for the last time: in line with the others, so that none of them overtakes who came first.
   */
  askTakers(entries: readonly Entry[] | "everybody", resume: Resume, end?: ClockReading): void {
    const inVain = new Set<string>();
    const wakes = new Map<string, boolean>();
    for (const place of this.#places) {
      const { call, later } = place;
      if (!call.mutates || this.#served.has(place)) continue;
      const last = end !== undefined && place.deadlineMs <= end.monotonicMs;
      const woken = this.#missed.has(place) || entries === "everybody" || areWoken(place, entries, wakes);
      this.#missed.delete(place);
      if (!last && (!woken || (later.wish !== undefined && inVain.has(later.wish)))) continue;
      if (place.slot.session.gone) {
        this.#leave(place);
        continue;
      }
      const answer = resume(place, last);
      if (answer !== null) this.#served.set(place, answer);
      else if (later.wish !== undefined) inVain.add(later.wish);
    }
  }

  /** After the commit takers get their answers. */
  settleTakers(answer: (slot: Slot, answer: Answer) => void): void {
    for (const [place, its] of this.#served) {
      this.#places.delete(place);
      answer(place.slot, its);
    }
    this.#served.clear();
  }

  /**
   * After a commit that failed, takers wait on, to be asked anew as soon as there is a commit; whose time is over is
   * told of it. Where the commit may have lasted (`unknown`), so is who was served by it: what it took may be taken.
   */
  undoTakers(
    { monotonicMs }: ClockReading,
    failure: Answer,
    unknown: boolean,
    answer: (slot: Slot, answer: Answer) => void,
  ): void {
    for (const place of this.#places) {
      if (!place.call.mutates) continue;
      if (place.deadlineMs > monotonicMs && !(unknown && this.#served.has(place))) {
        this.#missed.add(place);
        continue;
      }
      this.#places.delete(place);
      answer(place.slot, failure);
    }
    this.#served.clear();
  }

  /** Asks every reader whose time has come, and with `takersToo` everybody. */
  wake(
    now: ClockReading,
    committed: readonly Entry[],
    resume: Resume,
    answer: (slot: Slot, answer: Answer) => void,
    { takersToo }: { takersToo: boolean },
  ): void {
    for (const place of this.#places) {
      if (place.call.mutates && !takersToo) continue;
      const last = place.deadlineMs <= now.monotonicMs;
      if (!last && !isWoken(place, committed)) continue;
      const its = resume(place, last);
      if (its === null) continue;
      this.#places.delete(place);
      answer(place.slot, its);
    }
  }

  #leave(place: Place): void {
    this.#places.delete(place);
    this.#served.delete(place);
    this.#missed.delete(place);
    place.later.cancel?.();
  }
}

/** As `isWoken`, found out once for all who wish for the same. */
function areWoken(place: Place, entries: readonly Entry[], known: Map<string, boolean>): boolean {
  const { wish } = place.later;
  if (wish === undefined) return isWoken(place, entries);
  const woken = known.get(wish) ?? isWoken(place, entries);
  known.set(wish, woken);
  return woken;
}

function isWoken({ later: { wakes } }: Place, entries: readonly Entry[]): boolean {
  return wakes === "turn" || entries.some(wakes);
}
