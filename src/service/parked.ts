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

/** Requests that wait: for a journal entry, for their next slice, or for their deadline. First come, first served. */
export class Parked {
  readonly #places = new Set<Place>();

  /** Whether a request wants the very next turn. */
  get busy(): boolean {
    for (const { later } of this.#places) if (later.wakes === "turn") return true;
    return false;
  }

  park(waiting: Waiting, monotonicMs: number): void {
    const { waitMs } = waiting.later;
    this.#places.add({ ...waiting, deadlineMs: waitMs === null ? Number.POSITIVE_INFINITY : monotonicMs + waitMs });
  }

  drop(session: Session): void {
    for (const place of this.#places) {
      if (place.slot.session !== session) continue;
      this.#places.delete(place);
      place.later.cancel?.();
    }
  }

  nextDeadlineMs(): number | null {
    let next = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.#places) next = Math.min(next, deadlineMs);
    return next === Number.POSITIVE_INFINITY ? null : next;
  }

  /** Asks every request whose time has come; `resume` gives null where the answer is still not ready. */
  wake(
    now: ClockReading,
    committed: readonly Entry[],
    resume: (waiting: Waiting, last: boolean) => Answer | null,
    answer: (slot: Slot, answer: Answer) => void,
  ): void {
    for (const place of this.#places) {
      const { wakes } = place.later;
      const last = place.deadlineMs <= now.monotonicMs;
      if (!last && wakes !== "turn" && !committed.some(wakes)) continue;
      const outcome = resume(place, last);
      if (outcome === null) continue;
      this.#places.delete(place);
      answer(place.slot, outcome);
    }
  }
}
