import type { ClockReading } from "../core/clock.ts";
import type { Entry } from "../core/journal.ts";
import type { LockWish } from "../core/lock-queue.ts";
import { type News, newsOfJournal } from "../core/topics.ts";
import type { Answer, Call } from "./turn/call.ts";
import { isErrorAnswer } from "./execute.ts";
import type { PendingAnswer } from "./handler.ts";
import type { Session, Slot } from "./turn/sessions.ts";

/** A request whose answer is not ready. */
export interface Waiting {
  readonly slot: Slot;
  readonly call: Call;
  readonly pending: PendingAnswer<unknown>;
}

interface Place extends Waiting {
  /** On the monotonic clock, so that a clock step neither cuts a wait short nor draws it out. */
  readonly deadlineMs: number;
}

/** Gives waiting requests their answers. */
interface Asking {
  /** Null where it is still not ready. */
  resume: (waiting: Waiting, last: boolean) => Answer | null;
  /** Tells, from now on, whether this turn may ask another; who is not asked is asked at the beginning of the next. */
  begin: () => () => boolean;
}

type Resume = Asking["resume"];

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
  /** Takers that began to wait in a transaction that is still open. */
  readonly #arrived = new Set<Place>();
  /** A commit of which nobody knows whether it lasted: what takers wait for may be there. */
  #behind = false;
  /** Somebody has left the line for locks between two turns: who stood behind may go on. */
  #stirred = false;
  /** Takers for whom there was no time when something moved. */
  readonly #owed = new Set<Place>();
  /** Called inside a transaction when somebody leaves that line without locks, before those behind are asked. */
  readonly #cleared: () => void;

  /** `stirred` where a line of an earlier process has left: nobody of it waits any more. */
  constructor(cleared: () => void, stirred: boolean) {
    this.#cleared = cleared;
    this.#stirred = stirred;
  }

  /** Whether a request wants the very next turn. */
  get busy(): boolean {
    for (const { pending } of this.#places) if (pending.wakes === "turn") return true;
    return false;
  }

  /** Whether all takers are to be asked with the next commit. */
  get behind(): boolean {
    return this.#behind;
  }

  /** Whether those in line for locks are to be asked before anybody who comes now. */
  get stirred(): boolean {
    return this.#stirred || this.#owed.size > 0;
  }

  /** Lock requests in line, first come first: those before this one, or all. */
  lockWishes(before: PendingAnswer<unknown> | null): LockWish[] {
    const wishes: LockWish[] = [];
    for (const place of this.#places) {
      if (place.pending === before) break;
      if (place.pending.lockWish !== undefined && !this.#served.has(place)) wishes.push(place.pending.lockWish);
    }
    return wishes;
  }

  /** The request that waits to change state under this idempotency key, if its client is there to be answered. */
  waitingUnder(key: string): Call | null {
    for (const { call, slot } of this.#places) {
      if (call.mutates && call.request.idempotencyKey === key && !slot.session.gone) return call;
    }
    return null;
  }

  get hasTakers(): boolean {
    for (const { call } of this.#places) if (call.mutates) return true;
    return false;
  }

  /** Takers begin to wait inside the transaction of their turn: its next request may let them go on. */
  park(waiting: Waiting, monotonicMs: number): void {
    const { waitMs } = waiting.pending;
    const place = { ...waiting, deadlineMs: waitMs === null ? Number.POSITIVE_INFINITY : monotonicMs + waitMs };
    this.#places.add(place);
    if (place.call.mutates) this.#arrived.add(place);
  }

  drop(session: Session): void {
    for (const place of this.#places) {
      if (place.slot.session !== session) continue;
      if (place.pending.lockWish !== undefined) this.#stirred = true;
      this.#leave(place);
    }
  }

  nextDeadlineMs(): number | null {
    let next = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.#places) next = Math.min(next, deadlineMs);
    return next === Number.POSITIVE_INFINITY ? null : next;
  }

  /** Whether takers must be asked now: a deadline has passed, what they wait for may be there, or one goes on each turn. */
  takerIsDue({ monotonicMs }: ClockReading): boolean {
    if (this.#behind) return true;
    for (const { call, pending, deadlineMs } of this.#places) {
      if (call.mutates && (deadlineMs <= monotonicMs || pending.wakes === "turn")) return true;
    }
    return false;
  }

  /** Asks takers inside the transaction that journalled the news; the answers are held until `settleTakers`. */
  askTakers(news: News, asking: Asking): void {
    const known = new Map<string, boolean>();
    this.#ask((place) => (areWoken(place, news, known) ? "again" : "not"), asking);
  }

  /**
   * At the end of a turn's transaction: asks takers in their order, for the last time those whose deadline has passed,
   * then those that go on each turn, and all of them when what they wait for may have come by time alone (`all`).
   */
  askDueTakers({ monotonicMs }: ClockReading, asking: Asking, all: boolean): void {
    const again = all || this.#behind;
    this.#ask(({ deadlineMs, pending }) => {
      if (deadlineMs <= monotonicMs) return "last";
      return again || pending.wakes === "turn" ? "again" : "not";
    }, asking);
  }

  /** At the beginning of a turn's transaction: who stood behind somebody who has left goes before who comes now. */
  askStirred(asking: Asking): void {
    const all = this.#stirred;
    const owed = new Set(this.#owed);
    this.#stirred = false;
    if (all) this.#cleared();
    this.#ask((place) => (all || owed.has(place) ? "again" : "not"), asking);
  }

  #ask(how: (place: Place) => "not" | "again" | "last", { resume, begin }: Asking): void {
    const timeLeft = begin();
    const inVain = new Set<string>();
    let cleared = false;
    const clear = (pending: PendingAnswer<unknown>) => {
      if (pending.lockWish === undefined) return;
      cleared = true;
      inVain.clear();
      this.#cleared();
    };
    for (const place of this.#places) {
      const { call, pending } = place;
      if (!call.mutates || this.#served.has(place)) continue;
      if (!timeLeft()) {
        this.#owed.add(place);
        continue;
      }
      const asked = cleared && how(place) === "not" ? "again" : how(place);
      const isVain = pending.wish !== undefined && inVain.has(pending.wish);
      if (asked === "not") continue;
      this.#owed.delete(place);
      if (asked === "again" && isVain) continue;
      if (place.slot.session.gone) {
        this.#leave(place);
        clear(pending);
        continue;
      }
      const answer = resume(place, asked === "last");
      if (answer !== null) {
        this.#served.set(place, answer);
        // Without its locks: refused, or out of time.
        if (asked === "last" || isErrorAnswer(answer)) clear(pending);
      } else if (pending.wish !== undefined) inVain.add(pending.wish);
    }
  }

  /** After the commit takers get their answers. */
  settleTakers(answer: (slot: Slot, answer: Answer) => void): void {
    for (const [place, its] of this.#served) {
      this.#places.delete(place);
      answer(place.slot, its);
    }
    this.#served.clear();
    this.#arrived.clear();
    this.#behind = false;
  }

  /**
   * After a commit that failed, takers wait on; whose time is over is told of it, and those that arrived are, with the
   * rest of their turn. Where the commit may have lasted (`unknown`), so is who was served by it, as what it took may be
   * taken; the others are asked again as soon as there is a commit.
   */
  undoTakers(
    { monotonicMs }: ClockReading,
    failure: Answer,
    unknown: boolean,
    answer: (slot: Slot, answer: Answer) => void,
  ): void {
    for (const place of this.#arrived) this.#leave(place);
    for (const place of this.#places) {
      const isOver = place.deadlineMs <= monotonicMs || (unknown && this.#served.has(place));
      if (!place.call.mutates || !isOver) continue;
      this.#places.delete(place);
      this.#owed.delete(place);
      answer(place.slot, failure);
    }
    this.#served.clear();
    this.#arrived.clear();
    this.#behind ||= unknown;
    // Some may have gone in the transaction that is undone.
    this.#stirred ||= this.lockWishes(null).length > 0;
  }

  /** Asks every reader whose time has come, and with `takersToo` everybody. */
  wake(
    now: ClockReading,
    committed: readonly Entry[],
    resume: Resume,
    answer: (slot: Slot, answer: Answer) => void,
    { takersToo }: { takersToo: boolean },
  ): void {
    if (this.#places.size === 0) return;
    const news = newsOfJournal(committed);
    for (const place of this.#places) {
      if (place.call.mutates && !takersToo) continue;
      const last = place.deadlineMs <= now.monotonicMs;
      if (!last && !isWoken(place, news)) continue;
      const its = resume(place, last);
      if (its === null) continue;
      this.#places.delete(place);
      answer(place.slot, its);
    }
  }

  #leave(place: Place): void {
    this.#places.delete(place);
    this.#served.delete(place);
    this.#arrived.delete(place);
    this.#owed.delete(place);
    place.pending.cancel?.();
  }
}

/** As `isWoken`, found out once for all who wish for the same. */
function areWoken(place: Place, news: News, known: Map<string, boolean>): boolean {
  const { wish, wakes } = place.pending;
  // At the end of the turn, once.
  if (wakes === "turn") return false;
  if (wish === undefined) return isWoken(place, news);
  const woken = known.get(wish) ?? isWoken(place, news);
  known.set(wish, woken);
  return woken;
}

function isWoken({ pending: { wakes } }: Place, news: News): boolean {
  return wakes === "turn" || news.wakes(wakes);
}
