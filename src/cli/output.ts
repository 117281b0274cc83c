import { write as writeLater, writeSync } from "node:fs";
import { TIMED_OUT, within } from "../client/deadline.ts";
import { messageOf } from "../client/refusals.ts";
import { Failure } from "./exits.ts";
import { forOutput } from "./streams.ts";

// All that commands print on standard output goes through here: console.log does not tell whether it was written, and
// Bun.write fills a long gap with zeros in a file that is appended to.
const standardOutput = 1;
/** How long to rest where somebody made standard output non-blocking, and it takes no more now. */
const fullMs = 5;
/** How often it is looked whether anybody reads. */
const listenMs = 100;

/** Why nothing more is printed: nobody reads it, as after `| head`, or it cannot be written. */
let over: "closed" | { cause: unknown } | undefined;

/** Prints text as it is. What cannot be written is told at the end of the command: its work is done all the same. */
export function print(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length && over === undefined;) {
    try {
      at += writeSync(standardOutput, bytes, at);
    } catch (cause) {
      if (giveUp(cause)) return;
      Bun.sleepSync(fullMs);
    }
  }
}

/** Prints a line, in colours where standard output shows them. */
export function printLine(line: string): void {
  print(`${forOutput(line)}\n`);
}

/** Prints a line without holding up what else goes on meanwhile; false once it is of no use to print more. */
export async function printLive(line: string): Promise<boolean> {
  const bytes = new TextEncoder().encode(`${forOutput(line)}\n`);
  for (let at = 0; at < bytes.length && over === undefined;) {
    try {
      at += await writeSome(bytes.subarray(at));
    } catch (cause) {
      if (giveUp(cause)) return false;
      await Bun.sleep(fullMs);
    }
  }
  return over === undefined;
}

/** Whether it is of any use to print more: a reader may leave while there is nothing to print. */
export async function isHeard(): Promise<boolean> {
  const { isHungUp } = await import("../native/libc.ts");
  if (isHungUp(standardOutput)) over ??= "closed";
  return over === undefined;
}

/** Waits for what is to be printed next; null when nobody reads any more by then. */
export async function whileHeard<Value>(next: Promise<Value>): Promise<Value | null> {
  while (await isHeard()) {
    const found = await within(next, listenMs);
    if (found !== TIMED_OUT) return found;
  }
  // It is asked for in vain.
  next.catch(() => {});
  return null;
}

/** @throws {Failure} OUTPUT_LOST when something of what was printed could not be written; a reader who left misses nothing. */
export function checkOutput(): void {
  if (typeof over !== "object") return;
  const advice = "what the command was to do is done, but what it had to say is lost";
  throw new Failure("OUTPUT_LOST", `standard output cannot be written (${messageOf(over.cause)}): ${advice}`);
}

/** False where it is worth trying again. */
function giveUp(cause: unknown): boolean {
  const { code } = cause as { code?: string };
  if (code === "EAGAIN") return false;
  over ??= code === "EPIPE" ? "closed" : { cause };
  return true;
}

async function writeSome(bytes: Uint8Array): Promise<number> {
  const written = Promise.withResolvers<number>();
  writeLater(standardOutput, bytes, 0, bytes.length, null, (cause, count) => {
    if (cause === null) written.resolve(count);
    else written.reject(cause);
  });
  return written.promise;
}
