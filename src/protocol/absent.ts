import type { GenericSchema } from "valibot";
import type { Json } from "./json.ts";

/** What valibot keeps in the schemas whose payloads may hold fields. */
type Parts = Partial<{ entries: Record<string, GenericSchema>; item: GenericSchema; wrapped: GenericSchema }>;

/**
 * A payload without the fields that are null where null says the same as leaving them out. Any other null is data. The
 * payload is one that the schema gave.
 */
export function withoutAbsent(schema: GenericSchema, value: Json): Json {
  const { entries, item, wrapped } = schema as Parts;
  if (wrapped !== undefined) return value === null ? value : withoutAbsent(wrapped, value);
  if (item !== undefined && Array.isArray(value)) return value.map((one) => withoutAbsent(item, one));
  if (entries === undefined || typeof value !== "object" || value === null || JSON.isRawJSON(value)) return value;
  const present = Object.entries(value).flatMap(([name, field]): [string, Json][] => {
    const its = entries[name];
    if (its === undefined) return [[name, field]];
    return field === null && its.type === "nullish" ? [] : [[name, withoutAbsent(its, field)]];
  });
  return Object.fromEntries(present);
}
