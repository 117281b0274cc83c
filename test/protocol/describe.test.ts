import { describe, expect, test } from "bun:test";
import Ajv, { type SchemaObject } from "ajv";
import * as v from "valibot";
import { describeInterface } from "../../src/protocol/describe.ts";
import { type MethodName, methodNames, methodRow, methods } from "../../src/protocol/methods.ts";
import { readSettings, settingsView } from "../../src/protocol/settings.ts";
import { jsonSchemaOf, shapeOf } from "../../src/protocol/shape.ts";

const goldenFile = `${import.meta.dir}/golden/describe.json`;
const described = describeInterface(settingsView(readSettings({})));
/** As it arrives at a client, without what differs from build to build. */
const onTheWire = JSON.parse(
  JSON.stringify({ ...described, server: { ...described.server, version: "VERSION", commit: "COMMIT" } }),
) as typeof described;

if (process.env.UPDATE_GOLDEN === "1") {
  await Bun.write(goldenFile, JSON.stringify(onTheWire));
  Bun.spawnSync([process.execPath, "fmt", "--no-script", goldenFile]);
}
const golden = (await Bun.file(goldenFile).json()) as typeof described;

describe("the golden description (refresh it with UPDATE_GOLDEN=1)", () => {
  const { methods: goldenMethods, ...goldenRest } = golden;
  const { methods: wireMethods, ...wireRest } = onTheWire;

  test.each(Object.keys(goldenRest) as (keyof typeof goldenRest)[])("%s", (field) => {
    expect(wireRest[field]).toEqual(goldenRest[field]);
  });

  test.each(goldenMethods.map((method) => [method.method, method] as const))("%s", (name, method) => {
    expect(wireMethods.find((candidate) => candidate.method === name)).toEqual(method);
  });

  test("nothing beside it, and in its order", () => {
    expect(Object.keys(wireRest)).toEqual(Object.keys(goldenRest));
    expect(wireMethods.map(({ method }) => method)).toEqual(goldenMethods.map(({ method }) => method));
  });
});

test("DescribeInterface fits its own schema", () => {
  expect(v.parse(methods.DescribeInterface.result, onTheWire)).toEqual(onTheWire);
});

test("the answer is made once, and shows the limits it is asked with", () => {
  expect(describeInterface({ depth_max: 8 }).methods).toBe(described.methods);
  expect(describeInterface({ depth_max: 8 }).limits).toEqual({ depth_max: 8 });
});

/** Every schema within `schema`, itself included. */
function* schemasIn(schema: unknown): Generator<Readonly<Record<string, unknown>>> {
  if (typeof schema !== "object" || schema === null) return;
  yield schema as Readonly<Record<string, unknown>>;
  for (const inner of Object.values(schema)) yield* schemasIn(inner);
}

test.each(onTheWire.methods)(
  "$method calls nothing an int that may be negative",
  ({ params_schema, result_schema }) => {
    const negative = [...schemasIn([params_schema, result_schema])].filter(
      ({ title, minimum }) => title === "int" && Number(minimum) < 0,
    );
    expect(negative).toEqual([]);
  },
);

const ajv = new Ajv({ strict: true, allErrors: true });

/** Both judges of one payload: the contract's own schema, and the JSON Schema clients are given. */
function judges(name: MethodName, side: "params" | "result") {
  const own = methodRow(name)[side];
  const method = onTheWire.methods.find((candidate) => candidate.method === name);
  const published = ajv.compile(method?.[`${side}_schema`] as SchemaObject);
  return { own: (value: unknown) => v.is(own, value), published: (value: unknown) => published(value) };
}

/**
 * A payload with each of its fields, at any depth, left out or replaced, one at a time. Never by a list: valibot takes
 * one for an object that has no required field, JSON Schema does not.
 */
function* variations(value: unknown): Generator {
  for (const wrong of [null, true, "", "x", "a\0b", 0, -1, 1.5, 2 ** 53, 1_001, 600_001, {}]) yield wrong;
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    const [first, ...others] = value as unknown[];
    for (const item of variations(first)) yield [item, ...others];
    return;
  }
  for (const [field, inner] of Object.entries(value)) {
    const { [field]: _left, ...rest } = value as Record<string, unknown>;
    yield rest;
    for (const changed of variations(inner)) yield { ...value, [field]: changed };
  }
  yield { ...value, unheard_of: 1 };
}

describe.each(methodNames)("%s", (name) => {
  test.each(["params", "result"] as const)("%s: the published schema and the contract's own judge alike", (side) => {
    const { own, published } = judges(name, side);
    const example = methodRow(name).example[side];
    expect([own(example), published(example)]).toEqual([true, true]);
    for (const variation of variations(example)) {
      expect({ variation, accepted: published(variation) }).toEqual({ variation, accepted: own(variation) });
    }
  });
});

test("a pattern is published with its meaning", () => {
  expect(jsonSchemaOf(methods.Backup.params)).toMatchObject({
    properties: { path: { minLength: 1, pattern: "^[^\\0]*$", description: "no NUL character", title: "string" } },
  });
});

describe("shapes", () => {
  const titled = v.pipe(v.string(), v.title("uuid"));
  test.each<[string, v.GenericSchema, unknown]>([
    ["a type by its title", titled, "uuid"],
    ["a type without one", v.boolean(), "boolean"],
    ["a constant", v.literal(true), "true"],
    ["a choice", v.picklist(["A", "B"]), "A | B"],
    ["null or a type", v.nullable(titled), "uuid | null"],
    ["null or an object", v.nullable(v.object({ a: titled })), { nullable: { a: "uuid" } }],
    ["a list", v.array(titled), "[uuid]"],
    ["a list of objects", v.array(v.object({ a: titled })), [{ a: "uuid" }]],
    ["any keys", v.record(v.string(), titled), "{string: uuid}"],
    ["an optional field", v.object({ a: v.nullish(titled) }), { a: "uuid?" }],
    ["an optional choice", v.object({ a: v.optional(v.picklist(["A", "B"])) }), { a: "(A | B)?" }],
    ["a default", v.object({ a: v.nullish(titled, "x") }), { a: 'uuid = "x"' }],
    ["a default of nothing much", v.object({ a: v.nullish(v.array(titled), []) }), { a: "[uuid] = []" }],
    ["an optional object", v.object({ a: v.nullish(v.object({})) }), { a: { optional: {}, default: "null" } }],
    ["no fields", v.object({}), {}],
  ])("%s", (_name, schema, shape) => {
    expect(shapeOf(jsonSchemaOf(schema))).toEqual(shape as never);
  });
});
