import * as v from "valibot";
import type { Json } from "../json.ts";
import { json } from "../types.ts";

/* What payloads are made of, and how sentences tell it. */

/** An id, however a database that was adopted spells it. */
export const id = v.pipe(v.string(), v.title("uuid"));

/** Whatever a client gave, as it was sent. */
export const anything = json as unknown as v.GenericSchema<Json>;

/** `3 nodes`, `1 node`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** What ends a sentence: somebody's words, or nothing where there are none. */
export const inWords = (text: string): string => (text === "" ? "" : `: ${text}`);

/** The same for whatever a client gave. */
export const given = (value: Json): string => inWords(value === null ? "" : JSON.stringify(value));

/** `2026-01-31 12:34:56Z`. */
export const moment = (ms: number): string =>
  `${new Date(Math.min(ms, dateMsMax)).toISOString().replace("T", " ").slice(0, 19)}Z`;
const dateMsMax = 8.64e15;

/** The keys of locks: the first, and how many more. */
export function keysTold(keys: readonly { resource_key: string }[]): string {
  const [first] = keys;
  const more = keys.length - 1;
  return `${first?.resource_key ?? "nothing"}${more > 0 ? ` and ${more} more` : ""}`;
}
