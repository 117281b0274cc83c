import type { Environment } from "../protocol/home.ts";

/* Where a command writes. Each stream is judged by itself: one may be a terminal while the other goes to a file. */

type Stream = "stdout" | "stderr";

/**
 * Whether a stream shows colours: `FORCE_COLOR` decides where it is set, then `NO_COLOR`, then whether it is a terminal
 * that knows control sequences.
 */
export function wantsColour({ FORCE_COLOR = "", NO_COLOR = "", TERM }: Environment, isTerminal: boolean): boolean {
  if (FORCE_COLOR !== "") return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return NO_COLOR === "" && knowsSequences(TERM) && isTerminal;
}

const knowsSequences = (TERM: string | undefined) => TERM !== undefined && TERM !== "" && TERM !== "dumb";

// Asking a stream costs more than a client command should pay for, and where Bun has found no terminal there is none.
const isTerminal = (stream: Stream) => Bun.enableANSIColors && process[stream].isTTY;

/** Whether a stream is a terminal on which a line can be written over. */
export function isScreen(stream: Stream): boolean {
  return process[stream].isTTY && knowsSequences(process.env.TERM);
}

const known: Partial<Record<Stream, boolean>> = {};

function showsColour(stream: Stream): boolean {
  known[stream] ??= wantsColour(process.env, isTerminal(stream));
  return known[stream];
}

/** Whether it is worth while to paint a text. Where it goes decides whether the paint stays. */
export function isPainted(): boolean {
  return showsColour("stdout") || showsColour("stderr");
}

const as = (stream: Stream, text: string) => (showsColour(stream) ? text : Bun.stripANSI(text));

/** A text as standard output shows it. */
export const forOutput = (text: string): string => as("stdout", text);

/** Prints what is no result: notes, warnings and errors. */
export function printAside(text: string): void {
  // Bun paints console.error by rules of its own.
  console.warn(as("stderr", text));
}

/** How many columns a line of the output has; null where it is no terminal, and a line may have any length. */
export function outputColumns(): number | null {
  const { isTTY, columns } = process.stdout;
  return isTTY && columns > 0 ? columns : null;
}
