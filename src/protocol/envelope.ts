import { type ErrorKind, type Facts, type WireError, wireError } from "./errors.ts";
import { type Json, JsonRefused, parseJson } from "./json.ts";
import type { Placements } from "./key-words.ts";
import { limits } from "./limits.ts";
import { unknownNames, type UnknownField } from "./unknown-fields.ts";
import { requestMembers, type Warning } from "./warnings.ts";

/** One request line, its envelope understood. `params` is checked by the method's own schema. */
export interface Request {
  /** Echoed as sent; undefined where the request had none. */
  id: Json | undefined;
  method: string;
  params: Json;
  idempotencyKey: string | undefined;
  /** Unknown fields are refused instead of ignored. */
  strict: boolean;
  /** What the words of its keys stand for, each by `nameOfWord`; where it names a directory to read them from. */
  placements?: Placements;
  /** Members beside `params` that nothing knows. */
  unknown: readonly UnknownField[];
}

/** One answer line. Exactly one of `result` and `error` is present. */
export interface Response {
  id?: Json;
  result?: unknown;
  error?: WireError;
  /** The answer was given before, to the same idempotency key. */
  replayed?: true;
  /** The journal's seq, where the result is null and so cannot carry it. */
  seq?: number;
  /** What looks like a mistake, where the result is no object and so cannot carry it. */
  warnings?: readonly Warning[];
}

/** A line that is no request: the answer to give, and the id to give it under where one could be read. */
export interface BadLine {
  id: Json | undefined;
  error: WireError;
}

const bad = (id: Json | undefined, kind: ErrorKind, message: string, facts: Facts = {}): BadLine => ({
  id,
  error: wireError(kind, message, facts),
});

/** What a line that is not UTF-8 is answered with. */
export const notUtf8: BadLine = bad(undefined, "PARSE_ERROR", "the line is not UTF-8");

/** Reads one line as a request, or says why it is none. */
export function parseRequest(line: string, depthMax: number): Request | BadLine {
  let value: Json;
  try {
    value = parseJson(line, depthMax);
  } catch (refused) {
    if (!(refused instanceof JsonRefused)) throw refused;
    if (refused.reason === "syntax") return bad(undefined, "PARSE_ERROR", refused.message);
    return bad(plainId(line), "INVALID_REQUEST", refused.message);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value) || JSON.isRawJSON(value)) {
    return bad(undefined, "INVALID_REQUEST", `a request is a JSON object, not ${describe(value)}`);
  }
  const { id: sentId, method, params, idempotency_key: idempotencyKey, strict } = value;
  const id = sentId ?? undefined;
  if (typeof method !== "string") {
    return bad(id, "INVALID_REQUEST", `method: expected a string, got ${describe(method)}`);
  }
  if (idempotencyKey !== undefined && idempotencyKey !== null && !isIdempotencyKey(idempotencyKey)) {
    const expected = `a string of 1 to ${limits.idempotencyKeyCharsMax} characters without NUL`;
    return bad(id, "INVALID_REQUEST", `idempotency_key: expected ${expected}, got ${describe(idempotencyKey)}`);
  }
  if (strict !== undefined && strict !== null && typeof strict !== "boolean") {
    return bad(id, "INVALID_REQUEST", `strict: expected true or false, got ${describe(strict)}`);
  }
  const unknown = unknownNames(value, requestMembers);
  return {
    id,
    method,
    params: params ?? {},
    idempotencyKey: idempotencyKey ?? undefined,
    strict: strict ?? false,
    unknown,
  };
}

/** The id of a line that is JSON but is not read as a request, where it is one that needs no exactness. */
function plainId(line: string): Json | undefined {
  try {
    const { id } = JSON.parse(line) as { id?: Json };
    return typeof id === "string" || Number.isSafeInteger(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

function isIdempotencyKey(value: Json): value is string {
  if (typeof value !== "string" || value.includes("\0")) return false;
  return value.length >= 1 && value.length <= limits.idempotencyKeyCharsMax;
}

/** A value named shortly enough for an error message. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null && !JSON.isRawJSON(value)) return "an object";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** One answer as the line that goes out, newline included. */
export function encodeResponse(response: Response): string {
  return `${JSON.stringify(response)}\n`;
}
