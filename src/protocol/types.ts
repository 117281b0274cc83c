import * as v from "valibot";
import { limits } from "./limits.ts";

/** RFC 9562 text, any version; lower case on output. */
export const uuid = v.pipe(
  v.string(),
  v.regex(/^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/, "a UUID"),
  v.toLowerCase(),
  v.title("uuid"),
);

const integer = v.pipe(v.number(), v.safeInteger("an integer"));

/** Whole seconds since the epoch. */
export const unixSecs = v.pipe(integer, v.title("unix seconds"));
/** Milliseconds since the epoch. */
export const unixMs = v.pipe(integer, v.title("unix milliseconds"));
export const count = v.pipe(integer, v.minValue(0, "0 or more"), v.title("int"));
/** A place in the journal; 0 is before its first row. */
export const seq = v.pipe(integer, v.minValue(0, "0 or more"), v.title("seq"));
export const iso = v.pipe(v.string(), v.title("iso time"));
export const json = v.pipe(v.unknown(), v.title("json"));
export const text = v.pipe(v.string(), v.title("string"));

/** Time to live of a lease in whole seconds. */
export const ttlSecs = v.pipe(integer, v.minValue(1, "at least 1"), v.title("seconds"));
export const waitMs = v.pipe(
  integer,
  v.minValue(0, "0 or more"),
  v.maxValue(limits.waitMsMax, `at most ${limits.waitMsMax}`),
  v.title("milliseconds"),
);
export const pageLimit = v.pipe(
  integer,
  v.minValue(1, "at least 1"),
  v.maxValue(limits.pageMax, `at most ${limits.pageMax}`),
  v.title("int"),
);
/** A name that is compared byte by byte, so one that no two programs may spell differently. */
export const key = v.pipe(
  v.string(),
  v.minLength(1, "at least 1 character"),
  v.regex(/^[^\0]*$/, "no NUL character"),
  v.title("string"),
);

export const owner = v.nullish(text, "anonymous");
export const ok = v.literal(true);

export const nodeStatus = v.picklist(["PENDING", "RUNNING", "COMPLETED", "FAILED"]);
export const taskState = v.picklist(["ACTIVE", "COMPLETED", "FAILED"]);

/** How many nodes have each status; only statuses that occur have a key. */
export const statusCounts = v.record(v.string(), count);

export type NodeStatus = v.InferOutput<typeof nodeStatus>;
export type TaskState = v.InferOutput<typeof taskState>;
