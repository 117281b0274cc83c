import type { GenericSchema } from "valibot";
import { nearest } from "./nearest.ts";

/** A field that a schema does not know. */
export interface UnknownField {
  /** The object it stands in: `initial_nodes.0`; empty for the value itself. */
  place: string;
  name: string;
  /** The field of that place whose name is most alike; undefined when none is. */
  meant: string | undefined;
}

/** The keys of one object that are not among `known`, at most so many as are told. */
export function unknownNames(value: object, known: Iterable<string> & { has(name: string): boolean }): UnknownField[] {
  const unknown: UnknownField[] = [];
  for (const name in value) {
    if (!known.has(name) && unknown.length < toldMax) unknown.push(unknownField("", name, known));
  }
  return unknown;
}

/** Unknown fields that are told one by one; a longer list helps nobody. */
const toldMax = 20;
/** With so many, the search ends. */
const countedMax = 10_000;
/** Longer names are cut before they are told. */
const nameCharsMax = 60;

/** Where a payload may hold fields: an object's own, or those of a list's items. Null: whatever it holds is meant. */
type Outline = { fields: ReadonlyMap<string, Outline> } | { item: Outline; max: number } | null;

const outlines = new WeakMap<GenericSchema, Outline>();

/** Some of the unknown fields, and how many there are. */
export interface UnknownFields extends CountedFields {
  /** False where there are more than were counted. */
  areAllCounted: boolean;
}

interface CountedFields {
  told: UnknownField[];
  count: number;
}

/**
 * The fields of `value`, at any depth, that `schema` neither takes nor calls the client's own. `otherNames` are names of
 * the value's own fields that may be meant as well.
 */
export function unknownFields(
  schema: GenericSchema,
  value: unknown,
  otherNames: readonly string[] = [],
): UnknownFields {
  const found: CountedFields = { told: [], count: 0 };
  const areAllCounted = collect(outlineOf(schema), value, { found, otherNames, steps: [] });
  return { ...found, areAllCounted };
}

interface Search {
  found: CountedFields;
  otherNames: readonly string[];
  /** Where the search stands: names of fields and numbers of items. */
  steps: (string | number)[];
}

/** Whether the search goes on. */
function collect(outline: Outline, value: unknown, search: Search): boolean {
  if (outline === null || typeof value !== "object" || value === null) return true;
  if ("item" in outline) {
    // A list that is too long is refused, whatever it holds.
    if (!Array.isArray(value) || value.length > outline.max) return true;
    return value.every((item, index) => collectInside(outline.item, item, index, search));
  }
  if (Array.isArray(value)) return true;
  for (const name in value) {
    const known = outline.fields.get(name);
    const field: unknown = (value as Record<string, unknown>)[name];
    const goesOn =
      known === undefined ? note(name, outline.fields.keys(), search) : collectInside(known, field, name, search);
    if (!goesOn) return false;
  }
  return true;
}

function collectInside(outline: Outline, value: unknown, step: string | number, search: Search): boolean {
  if (outline === null) return true;
  search.steps.push(step);
  const goesOn = collect(outline, value, search);
  search.steps.pop();
  return goesOn;
}

function note(name: string, known: Iterable<string>, { found, otherNames, steps }: Search): boolean {
  if (++found.count <= toldMax) {
    found.told.push(unknownField(steps.join("."), name, [...known, ...(steps.length === 0 ? otherNames : [])]));
  }
  return found.count < countedMax;
}

function unknownField(place: string, name: string, known: Iterable<string>): UnknownField {
  const told = name.slice(0, nameCharsMax);
  return { place, name: told, meant: nearest(told, known) };
}

function outlineOf(schema: GenericSchema): Outline {
  const known = outlines.get(schema);
  if (known !== undefined) return known;
  const outline = readOutline(schema);
  outlines.set(schema, outline);
  return outline;
}

/** What valibot keeps in the schemas whose payloads may hold fields. */
type Parts = Partial<{
  entries: Record<string, GenericSchema>;
  item: GenericSchema;
  wrapped: GenericSchema;
  pipe: { type: string; requirement?: unknown }[];
}>;

const scalars: ReadonlySet<string> = new Set([
  "boolean",
  "literal",
  "number",
  "picklist",
  "record",
  "string",
  "unknown",
  "loose_object",
]);

function readOutline(schema: GenericSchema): Outline {
  const { entries, item, wrapped, pipe = [] } = schema as Parts;
  if (scalars.has(schema.type)) return null;
  if (wrapped !== undefined) return outlineOf(wrapped);
  if (item !== undefined) {
    const limit = pipe.find(({ type }) => type === "max_length")?.requirement;
    const max = typeof limit === "number" ? limit : Number.POSITIVE_INFINITY;
    return withFields(outlineOf(item), (inner) => ({ item: inner, max }));
  }
  if (entries === undefined) throw new Error(`parameters of type ${schema.type} are not looked into`);
  return { fields: new Map(Object.entries(entries).map(([name, field]) => [name, outlineOf(field)])) };
}

/** A list of what holds no fields holds none. */
function withFields(inner: Outline, make: (inner: Outline) => Outline): Outline {
  return inner === null ? null : make(inner);
}
