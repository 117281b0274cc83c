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
/** Longer names are cut before they are told. */
const nameCharsMax = 60;

/** Where a payload may hold fields: an object's own, or those of a list's items. Null: whatever it holds is meant. */
type Outline = { fields: ReadonlyMap<string, Outline> } | { item: Outline } | null;

const outlines = new WeakMap<GenericSchema, Outline>();

/** Some of the unknown fields, and how many there are. */
export interface UnknownFields {
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
  const found: UnknownFields = { told: [], count: 0 };
  collect(outlineOf(schema), value, "", { found, otherNames });
  return found;
}

interface Search {
  found: UnknownFields;
  otherNames: readonly string[];
}

function collect(outline: Outline, value: unknown, place: string, search: Search): void {
  if (outline === null || typeof value !== "object" || value === null) return;
  const inside = (step: string | number) => (place === "" ? String(step) : `${place}.${step}`);
  if ("item" in outline) {
    if (Array.isArray(value)) value.forEach((item, index) => collect(outline.item, item, inside(index), search));
    return;
  }
  if (Array.isArray(value)) return;
  const { found, otherNames } = search;
  for (const [name, field] of Object.entries(value)) {
    const known = outline.fields.get(name);
    if (known !== undefined) collect(known, field, inside(name), search);
    else if (++found.count <= toldMax) {
      const names = [...outline.fields.keys(), ...(place === "" ? otherNames : [])];
      found.told.push(unknownField(place, name, names));
    }
  }
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
type Parts = Partial<{ entries: Record<string, GenericSchema>; item: GenericSchema; wrapped: GenericSchema }>;

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
  const { entries, item, wrapped } = schema as Parts;
  if (scalars.has(schema.type)) return null;
  if (wrapped !== undefined) return outlineOf(wrapped);
  if (item !== undefined) return withFields(outlineOf(item), (inner) => ({ item: inner }));
  if (entries === undefined) throw new Error(`parameters of type ${schema.type} are not looked into`);
  return { fields: new Map(Object.entries(entries).map(([name, field]) => [name, outlineOf(field)])) };
}

/** A list of what holds no fields holds none. */
function withFields(inner: Outline, make: (inner: Outline) => Outline): Outline {
  return inner === null ? null : make(inner);
}
