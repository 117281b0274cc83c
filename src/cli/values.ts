import { messageOf } from "../client/refusals.ts";
import { type Json, JsonRefused, parseJson } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { Failure } from "./exits.ts";
import { present } from "../protocol/present.ts";

/**
 * A JSON value given on the command line: the text itself, `-` for standard input, or `@FILE`.
 * @throws {Failure} USAGE when it is no JSON, naming `what` was given.
 */
export async function readJson(given: string, what: string): Promise<Json> {
  const text = await readText(given, what);
  try {
    return parseJson(text, limits.depthMax);
  } catch (cause) {
    if (!(cause instanceof JsonRefused)) throw cause;
    const advice = /^[\w ]+$/.test(text) ? `; a text is written '"${text}"'` : "";
    throw new Failure("USAGE", `${what} is not usable as JSON: ${cause.message}${advice}`);
  }
}

async function readText(given: string, what: string): Promise<string> {
  return given === "-" || given.startsWith("@") ? readInput(given.replace(/^@/, ""), what) : given;
}

/**
 * The text of a file somebody named, or of standard input for `-`.
 * @throws {Failure} USAGE when it cannot be read.
 */
export async function readInput(path: string, what: string): Promise<string> {
  const { readFileText, readStandardInput } = await import("../native/read-file.ts");
  try {
    return await (path === "-" ? readStandardInput(limits.inputBytesMax) : readFileText(path, limits.inputBytesMax));
  } catch (cause) {
    const title = path === "-" ? "standard input" : path;
    throw new Failure("USAGE", `${what}: ${title} cannot be read: ${messageOf(cause)}`);
  }
}

/** A whole number of an option. */
export function readWhole(given: string, option: string): number {
  const value = Number(given);
  if (/^\d+$/.test(given) && Number.isSafeInteger(value)) return value;
  throw new Failure("USAGE", `--${option} is ${JSON.stringify(given)}; expected a whole number, 0 or more`);
}

/** How much of a whole is done, in hundredths: `40`, `40%`, `12.5`. */
export function readPercent(given: string): number {
  const value = Number(given.replace(/%$/, ""));
  if (/^\d+(\.\d+)?%?$/.test(given) && value <= 100) return value;
  throw new Failure("USAGE", `--percent is ${JSON.stringify(given)}; expected 0 to 100`);
}

/** A priority, which may be negative; `what` is how the argument is called. */
export function readInteger(given: string, what: string): number {
  const value = Number(given);
  if (/^-?\d+$/.test(given) && Number.isSafeInteger(value)) return value;
  throw new Failure("USAGE", `${what} is ${JSON.stringify(given)}; expected a whole number`);
}

const unitSecs: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3_600, d: 86_400 };

/**
 * A duration in whole seconds: `90`, `90s`, `5m`, `1h`, `1h30m`, `2d`.
 * @throws {Failure} USAGE
 */
export function readDuration(given: string, option: string): number {
  const parts = [...given.matchAll(/(\d+)([smhd]?)/g)];
  const bare = parts.some(([, , unit]) => unit === "");
  const secsOf = (unit = "") => present(unitSecs[unit], "the length of unit", unit);
  const secs = parts.reduce((sum, [, count, unit]) => sum + Number(count) * secsOf(unit), 0);
  const whole = parts.map(([part]) => part).join("") === given && given !== "" && (!bare || parts.length === 1);
  if (whole && Number.isSafeInteger(secs)) return secs;
  throw new Failure("USAGE", `--${option} is ${JSON.stringify(given)}; expected a duration such as 90s, 5m or 1h`);
}

export function readTtl(given: string | undefined): number | undefined {
  return given === undefined ? undefined : readDuration(given, "ttl");
}

/** The values of an argument that may be repeated; citty's types know no such argument. */
export function readList(given: unknown): string[] {
  return Array.isArray(given) ? given.map(String) : [];
}

/**
 * `NAME=VALUE` of a repeated option as one object; undefined when there are none.
 * @throws {Failure} USAGE
 */
export function readLabels(given: unknown): Record<string, string> | undefined {
  if (!Array.isArray(given)) return undefined;
  const pairs = given.map(String).map((label): [string, string] => {
    const equals = label.indexOf("=");
    if (equals > 0) return [label.slice(0, equals), label.slice(equals + 1)];
    throw new Failure("USAGE", `--label is ${JSON.stringify(label)}; expected NAME=VALUE`);
  });
  const twice = pairs.find(([name], index) => pairs.findIndex(([other]) => other === name) < index);
  if (twice !== undefined) throw new Failure("USAGE", `--label names ${twice[0]} twice, and a label has one value`);
  return Object.fromEntries(pairs);
}
