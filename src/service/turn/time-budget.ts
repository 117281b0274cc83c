import type { Decision } from "../../core/decision.ts";
import type { ErrorKind } from "../../protocol/errors.ts";
import type { Context, PendingAnswer } from "../handler.ts";

/** What is due of one kind ends in one turn: five thousand leases take twenty turns, and nobody waits for all of them. */
export const duePerTurnMax = 256;

/** How long what is due may take of one turn, whatever each of it costs. */
export const dueMicrosMax = 20_000;

/** Tells whether there is time for more, from now on. */
export function hasTime({ runtime }: Context): () => boolean {
  const until = runtime.monotonicMicros() + dueMicrosMax;
  return () => runtime.monotonicMicros() < until;
}

/**
 * Does one piece of work after the other, in a turn as many as there is room for, and replies when all are done, or
 * one was the last (false). What is done is kept: others see it in between, and find some of the pieces gone. A reply that
 * takes long by itself has a turn `apart`.
 */
export function inTurns<Piece, T, Kinds extends ErrorKind = never>(
  pieces: Iterable<Piece>,
  work: (piece: Piece, context: Context) => boolean,
  reply: (context: Context) => Decision<T, Kinds>,
  started: Context,
  { apart = false } = {},
): Decision<T, Kinds> | PendingAnswer<T, Kinds> {
  const left = Iterator.from(pieces);
  const goOn = (context: Context): boolean =>
    context.slices.goOn(() => {
      const next = left.next();
      return next.done !== true && work(next.value, context) ? "more" : "done";
    });
  if (goOn(started) && !apart) return reply(started);
  return {
    wakes: "turn",
    keepsOrder: true,
    waitMs: null,
    resume: (context) => (goOn(context) ? { reply: reply(context) } : null),
  };
}
