import type { Context } from "./handler.ts";

/** What is due of one kind ends in one turn: five thousand leases take twenty turns, and nobody waits for all of them. */
export const duePerTurnMax = 256;

/** How long what is due may take of one turn, whatever each of it costs. */
const dueMicrosMax = 20_000;

/** Tells whether there is time for more, from now on. */
export function hasTime({ runtime }: Context): () => boolean {
  const until = runtime.monotonicMicros() + dueMicrosMax;
  return () => runtime.monotonicMicros() < until;
}
