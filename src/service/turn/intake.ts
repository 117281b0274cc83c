import type { Settings } from "../../protocol/settings.ts";
import { encodeError } from "../answer.ts";
import { validateCall } from "../validate-call.ts";
import type { Answer } from "./call.ts";
import type { Job, Session, Slot } from "./sessions.ts";

/** Clients with requests that wait for a turn, in the order they came. */
export class Intake {
  #ready = new Set<Session>();

  /** A client, if it has requests. */
  add(session: Session): void {
    if (session.queued > 0) this.#ready.add(session);
  }

  remove(session: Session): void {
    this.#ready.delete(session);
  }

  /** What had no place in a turn goes first in the next. */
  giveBack(jobs: readonly Job[]): void {
    for (const { slot } of jobs) slot.session.giveBack(slot);
    if (jobs.length > 0) this.#ready = new Set([...jobs.map(({ slot }) => slot.session), ...this.#ready]);
  }

  /** Whether a turn would find a request to begin with. */
  hasNext(heldBack: ReadonlySet<Session>): boolean {
    for (const session of this.#ready) if (!heldBack.has(session)) return true;
    return false;
  }

  /** A fair share of what waits: one request of each client after the other, but of those that are held back. */
  take(most: number, heldBack: ReadonlySet<Session>): Slot[] {
    const taken: Slot[] = [];
    // A session that is taken out and put back is visited again, after all others.
    for (const session of this.#ready) {
      if (taken.length === most) break;
      if (heldBack.has(session)) continue;
      this.#ready.delete(session);
      if (session.congested) continue;
      const slot = session.next();
      if (slot !== undefined) taken.push(slot);
      if (session.queued > 0) this.#ready.add(session);
    }
    return taken;
  }

  /** Gives all that is left this answer; whose it was. */
  refuse(answer: Answer): Session[] {
    const refused = [...this.#ready];
    for (const session of refused) {
      for (let slot = session.next(); slot !== undefined; slot = session.next()) session.answer(slot, answer);
    }
    this.#ready.clear();
    return refused;
  }
}

/** Reads requests; what is none is answered already. */
export function readJobs(slots: readonly Slot[], settings: Settings): Job[] {
  return slots.flatMap((slot) => {
    const { session, request } = slot;
    const call = "error" in request ? JSON.stringify({ error: request.error }) : validateCall(request, settings);
    if (typeof call !== "string") return { call, slot };
    session.answer(slot, call);
    return [];
  });
}

export const stopping = encodeError(
  "SHUTTING_DOWN",
  "the daemon stopped before this answer was ready; ask again when it is back",
);
