import * as v from "valibot";
import { limits } from "./limits.ts";
import { uuidOf, uuidPattern } from "./uuid.ts";

/** An id; with hyphens and in lower case on output. */
export const uuid = v.pipe(
  v.string(),
  v.regex(new RegExp(`^(?:${uuidPattern})$`), "a UUID"),
  v.transform((text) => uuidOf(text) ?? text),
  v.title("uuid"),
);

const plainNumber = v.number();
/** A number sent as JavaScript would not write it, `40.0` say, is kept as its text; as a parameter its value counts. */
const number: typeof plainNumber = {
  ...plainNumber,
  "~run"(dataset, config) {
    const { value } = dataset;
    const read = JSON.isRawJSON(value) ? { ...dataset, value: Number(value.rawJSON) } : dataset;
    return plainNumber["~run"](read, config);
  },
};

/** For valibot a list is an object, too; a parameter that is to be an object may be none. */
export function noList<Schema extends v.GenericSchema>(schema: Schema): Schema {
  return {
    ...schema,
    "~run"(dataset, config) {
      const { value } = dataset;
      if (!Array.isArray(value)) return schema["~run"](dataset, config);
      const refused = schema["~run"]({ value: null }, config);
      return { ...refused, issues: refused.issues?.map((issue) => ({ ...issue, input: value })) };
    },
  };
}

type Several = readonly [one: string, several: string];
interface Most {
  max: number;
  of: Several;
}

const itemsUpTo = <const Item extends v.GenericSchema>(item: Item, max: number) =>
  readUpTo(v.array(item), max, (value) => (Array.isArray(value) ? value.length : 0));

/** How many items a list has is looked at before what they are: far too many take long to read. */
export const listOf = <const Item extends v.GenericSchema>(item: Item, { max, of: [, several] }: Most) =>
  v.pipe(itemsUpTo(item, max), v.maxLength(max, `at most ${max} ${several}`));

/** The same of a list that may not be empty. */
export const someOf = <const Item extends v.GenericSchema>(item: Item, { max, of: [one, several] }: Most) =>
  v.pipe(itemsUpTo(item, max), v.minLength(1, `at least 1 ${one}`), v.maxLength(max, `at most ${max} ${several}`));

/** The same of an object's entries. */
export function mapOf<
  const Key extends v.GenericSchema<string, string | number | symbol>,
  const Value extends v.GenericSchema,
>(name: Key, value: Value, { max, of: [, several] }: Most) {
  const sizeOf = (given: unknown) => (typeof given === "object" && given !== null ? Object.keys(given).length : 0);
  return v.pipe(readUpTo(noList(v.record(name, value)), max, sizeOf), v.maxEntries(max, `at most ${max} ${several}`));
}

/** A schema that leaves what is larger unread, for a check of its size to refuse. */
function readUpTo<Schema extends v.GenericSchema>(
  schema: Schema,
  max: number,
  sizeOf: (value: unknown) => number,
): Schema {
  return {
    ...schema,
    "~run"(dataset, config) {
      const { value } = dataset;
      return sizeOf(value) > max ? { typed: true, value } : schema["~run"](dataset, config);
    },
  };
}

export const integer = v.pipe(number, v.safeInteger("an integer"));

const fromZero = (title: string) => v.pipe(integer, v.minValue(0, "0 or more"), v.title(title));
const between = (min: number, max: number, title: string) =>
  v.pipe(
    integer,
    v.minValue(min, min === 0 ? "0 or more" : `at least ${min}`),
    v.maxValue(max, `at most ${max}`),
    v.title(title),
  );
/** At most so many characters. */
const short = (max: number) => v.maxLength<string, number, string>(max, `at most ${max} characters`);
export const textUpTo = (max: number) => v.pipe(v.string(), short(max), v.title("string"));
const notEmpty = v.minLength<string, 1, string>(1, "at least 1 character");
const noNul = v.regex<string, string>(/^[^\0]*$/, "no NUL character");

/** Whole seconds since the epoch. */
export const unixSecs = v.pipe(integer, v.title("unix seconds"));
/** Milliseconds since the epoch. */
export const unixMs = v.pipe(integer, v.title("unix milliseconds"));
export const count = fromZero("int");
/** A place in the journal; 0 is before its first row. */
export const seq = fromZero("seq");
export const iso = v.pipe(v.string(), v.title("iso time"));
export const json = v.pipe(v.unknown(), v.title("json"));
export const text = v.pipe(v.string(), v.title("string"));

/** Time to live of a lock's lease in whole seconds; 0 means 1, as the original took it. */
export const ttlSecs = fromZero("seconds");
/** How old something is at least, in whole seconds. */
export const ageSecs = fromZero("seconds");
/** A span in whole seconds that a caller chooses freely within reason. */
export const spanSecs = between(0, limits.spanSecsMax, "seconds");
/** Time to live of a node's lease in whole seconds. */
export const leaseSecs = between(1, limits.ttlSecsMax, "seconds");
export const waitMs = between(0, limits.waitMsMax, "milliseconds");
export const pageLimit = between(1, limits.pageMax, "int");
/** A name that is compared byte by byte, so one that no two programs may spell differently. */
export const key = v.pipe(v.string(), notEmpty, noNul, v.title("string"));

/** A resource key as the original took it: any text, an empty one included. */
export const lockKey = v.pipe(v.string(), noNul, v.title("string"));

/** How often something may be tried. */
export const attempts = between(1, limits.attemptsMax, "int");
/** How many leases may be lost; 0: any number. */
export const lostAttempts = between(0, limits.attemptsMax, "int");
/** How many nodes one call takes. */
export const acquireCount = between(1, limits.acquireMax, "int");
/** Higher goes first. */
export const priority = between(-limits.priorityMax, limits.priorityMax, "integer");

/** What people call a task or node. A name that reads as an id could be taken for another node's. */
export const name = v.pipe(
  v.string(),
  notEmpty,
  short(limits.nameCharsMax),
  v.regex(
    new RegExp(`^(?!(?:${uuidPattern})$)[^\\0]*$`),
    "a name that does not look like an id and has no NUL character",
  ),
  v.title("string"),
);
/** A node by its id, or by its name in the task. */
export const nodeRef = v.pipe(
  v.string(),
  v.minLength(1, "a node's id or name"),
  v.maxLength(limits.nameCharsMax, "a node's id or name"),
  v.title("uuid or name"),
);
const label = v.pipe(v.string(), short(limits.nameCharsMax), noNul, v.title("string"));
/** Names and values that workers choose nodes by. */
export const labels = mapOf(v.pipe(label, notEmpty), label, {
  max: limits.labelsMax,
  of: ["label", "labels"],
});
/** What a node's worker must have told, under the lease it completes the node with. */
export const taskPolicy = noList(
  v.object({
    require_intent: v.nullish(v.boolean(), false),
    require_progress: v.nullish(v.boolean(), false),
    require_result: v.nullish(v.boolean(), false),
    require_bundle: v.nullish(v.boolean(), false),
  }),
);
/** How far a worker is, in its own words and in hundredths. */
export const progress = noList(
  v.object({
    percent: v.nullish(v.pipe(number, v.minValue(0, "at least 0"), v.maxValue(100, "at most 100"), v.title("number"))),
    message: v.nullish(textUpTo(limits.progressMessageCharsMax)),
  }),
);
/** Why somebody did what they did, for people to read. */
export const reason = textUpTo(limits.reasonCharsMax);
export const dependencyPolicy = v.picklist(["wait", "skip", "run"]);
export const attemptOutcome = v.picklist(["COMPLETED", "FAILED", "EXPIRED", "RELEASED", "CANCELED"]);

/** Who acts where nobody says: no party of its own. */
export const anonymous = "anonymous";
export const owner = v.nullish(text, anonymous);

/** A git object by its whole id, SHA-1 or SHA-256. */
export const revision = v.pipe(
  v.string(),
  v.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, "a whole object id, 40 or 64 hexadecimal digits"),
  v.title("revision"),
);
export const bundleStatus = v.picklist(["SUBMITTED", "ACCEPTED", "REJECTED", "SUPERSEDED"]);
/** How sure a patch's author is of it. */
export const confidence = v.picklist(["low", "medium", "high"]);

export const lockMode = v.picklist(["exclusive", "shared"]);
/** Whose paths and names are meant, such as a repository's common git directory. */
export const scope = v.pipe(v.string(), notEmpty, short(limits.scopeCharsMax), noNul, v.title("string"));
/** The directory a key is read from, as the command line reads one: absolute. */
export const cwd = v.pipe(
  v.string(),
  short(limits.scopeCharsMax),
  v.regex(/^\/[^\0]*$/, "an absolute path without NUL character"),
  v.title("string"),
);
/** A key somebody wants. */
export const wantedLock = noList(
  v.object({
    resource_key: lockKey,
    mode: v.nullish(lockMode, "exclusive"),
    scope: v.nullish(scope),
    cwd: v.nullish(cwd),
  }),
);
/** Keys somebody wants at once. */
export const locksOf = <const Item extends v.GenericSchema>(item: Item) =>
  someOf(item, { max: limits.locksMax, of: ["lock", "locks"] });
/** Paths to be looked at as locks are. */
export const lockPaths = someOf(key, { max: limits.locksMax, of: ["path", "paths"] });
/** Keys a node's worker holds while it works on it. */
export const nodeResources = listOf(wantedLock, { max: limits.nodeResourcesMax, of: ["resource", "resources"] });
export const ok = v.literal(true);

export const nodeStatus = v.picklist(["PENDING", "RUNNING", "COMPLETED", "FAILED"]);
export const taskState = v.picklist(["ACTIVE", "COMPLETED", "FAILED"]);

/** How many nodes have each status; only statuses that occur have a key. */
export const statusCounts = v.record(v.string(), count);

export type BundleStatus = v.InferOutput<typeof bundleStatus>;
export type Confidence = v.InferOutput<typeof confidence>;
export type LockMode = v.InferOutput<typeof lockMode>;
export type DependencyPolicy = v.InferOutput<typeof dependencyPolicy>;
export type AttemptOutcome = v.InferOutput<typeof attemptOutcome>;
export type Labels = Readonly<Record<string, string>>;
export type NodeStatus = v.InferOutput<typeof nodeStatus>;
export type TaskState = v.InferOutput<typeof taskState>;
