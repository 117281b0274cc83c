import { type ConversionConfig, type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";

export type { JsonSchema };

/** A payload as people read it: a type in words, a list of one shape, or an object of field → shape. */
export type Shape = string | Shape[] | { [field: string]: Shape };

const conversion: ConversionConfig = {
  // JSON Schema has no word for it, and it refuses nothing: ids are in one spelling in answers only.
  ignoreActions: ["transform"],
  // A pattern alone says nothing to people; the action's message is what it means.
  overrideAction: ({ valibotAction, jsonSchema }) =>
    valibotAction.type === "regex" && "message" in valibotAction && typeof valibotAction.message === "string"
      ? { ...jsonSchema, description: valibotAction.message }
      : undefined,
};

/** The JSON Schema (draft-07) of a payload; throws where it could not say all that the schema checks. */
export function jsonSchemaOf(schema: GenericSchema): JsonSchema {
  return toJsonSchema(schema, conversion);
}

/**
 * A JSON Schema as a shape. Types go by their titles: `uuid`, `unix seconds`. A field that may be left out ends in `?`,
 * or shows its default as `string = "anonymous"`; one that may be null reads `uuid | null`. Objects and lists of objects
 * cannot carry such a suffix: they are wrapped, as `{"nullable": …}` or `{"optional": …, "default": …}`. A field with
 * a fixed choice of values names them: `PENDING | RUNNING`.
 */
export function shapeOf(schema: JsonSchema): Shape {
  const present = withoutNull(schema);
  if (present === undefined) return plainShape(schema);
  const shape = shapeOf(present);
  return typeof shape === "string" ? `${shape} | null` : { nullable: shape };
}

/** What `anyOf: [X, null]` allows beside null; undefined for any other schema. */
function withoutNull({ anyOf }: JsonSchema): JsonSchema | undefined {
  const [first, second] = anyOf ?? [];
  return isSchema(first) && isSchema(second) && second.type === "null" ? first : undefined;
}

function plainShape(schema: JsonSchema): Shape {
  if (schema.anyOf !== undefined) return { one_of: schema.anyOf.filter(isSchema).map(shapeOf) };
  if (schema.title !== undefined) return schema.title;
  if (schema.const !== undefined) return inWords(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(inWords).join(" | ");
  if (schema.type === "array" && isSchema(schema.items)) return listShape(shapeOf(schema.items));
  if (schema.type === "object") return objectShape(schema);
  return String(schema.type);
}

function inWords(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function listShape(item: Shape): Shape {
  return typeof item === "string" ? `[${item}]` : [item];
}

function objectShape({ properties, required, additionalProperties }: JsonSchema): Shape {
  if (isSchema(additionalProperties)) return `{string: ${inWords(shapeOf(additionalProperties))}}`;
  const fields = Object.entries(properties ?? {}).filter((entry): entry is [string, JsonSchema] => isSchema(entry[1]));
  return Object.fromEntries(
    fields.map(([name, field]) => [name, required?.includes(name) ? shapeOf(field) : optionalShape(field)]),
  );
}

function optionalShape(field: JsonSchema): Shape {
  const shape = shapeOf(withoutNull(field) ?? field);
  if (typeof shape !== "string") return { optional: shape, default: JSON.stringify(field.default ?? null) };
  if (field.default !== undefined) return `${shape} = ${JSON.stringify(field.default)}`;
  return shape.includes(" | ") ? `(${shape})?` : `${shape}?`;
}

function isSchema(part: unknown): part is JsonSchema {
  return typeof part === "object" && part !== null && !Array.isArray(part);
}

/** One parameter, as a row of a table. */
export interface Field {
  /** `initial_nodes[].id` for a field of a list's objects. */
  path: string;
  type: string;
  required: boolean;
  /** The default as JSON, where there is one. */
  fallback: string | undefined;
  /** What the type alone does not say: `1 to 1000`. */
  bounds: string;
}

/** The fields of an object's schema, each followed by those of the object, or the objects in the list, that it is. */
export function fieldsOf(schema: JsonSchema, prefix = ""): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    if (!isSchema(property)) return [];
    const present = withoutNull(property) ?? property;
    const path = `${prefix}${name}`;
    const shape = shapeOf(present);
    const field = {
      path,
      type: typeof shape === "string" ? shape : present.type === "array" ? "[object]" : "object",
      required: schema.required?.includes(name) ?? false,
      fallback: property.default === undefined ? undefined : JSON.stringify(property.default),
      bounds: boundsOf(present),
    };
    return [
      field,
      ...(isSchema(present.items) ? fieldsOf(present.items, `${path}[].`) : fieldsOf(present, `${path}.`)),
    ];
  });
}

function boundsOf({ title, minimum, maximum = Number.MAX_SAFE_INTEGER, minLength }: JsonSchema): string {
  if (minLength !== undefined) return "not empty";
  if (minimum === undefined || title === "seq") return "";
  return maximum === Number.MAX_SAFE_INTEGER ? `at least ${minimum}` : `${minimum} to ${maximum}`;
}
