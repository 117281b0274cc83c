import { describe, expect, test } from "bun:test";
import type { Json } from "../../src/protocol/json.ts";
import { methodNames, methodRow } from "../../src/protocol/methods.ts";
import { type Field, fieldsOf, jsonSchemaOf } from "../../src/protocol/shape.ts";
import { unknownFields } from "../../src/protocol/unknown-fields.ts";

type Fields = { [name: string]: Json };

/** The fields of an object, as the reference shows them, that hold fields themselves: `nodes[]`, `policy`, or the object. */
function levels(fields: readonly Field[]): Map<string, string[]> {
  const found = new Map<string, string[]>([["", []]]);
  for (const { path } of fields) {
    const [, level = "", name = ""] = /^(?:(.*)\.)?([^.]+)$/.exec(path) ?? [];
    found.set(level, [...(found.get(level) ?? []), name]);
  }
  return found;
}

/** A payload with `field` at a level such as `nodes[].resources[]`. */
function nested(level: string, field: string): Fields {
  const inner: Fields = { [field]: 1 };
  return level
    .split(".")
    .filter((step) => step !== "")
    .toReversed()
    .reduce<Fields>((held, step) => (step.endsWith("[]") ? { [step.slice(0, -2)]: [held] } : { [step]: held }), inner);
}

describe.each(methodNames)("a field that %s does not know", (name) => {
  const { params } = methodRow(name);
  const all = [...levels(fieldsOf(jsonSchemaOf(params)))];

  test.each(all)("is found at the level %j, and those it knows are not", (level, known) => {
    expect(unknownFields(params, nested(level, "qqqqqqqqqqqqqqqq"))).toEqual({
      told: [{ place: level.replaceAll("[]", ".0"), name: "qqqqqqqqqqqqqqqq", meant: undefined }],
      count: 1,
      areAllCounted: true,
    });
    for (const field of known) expect(unknownFields(params, nested(level, field)).count).toBe(0);
  });

  test("is not in its own example", () => {
    expect(unknownFields(params, methodRow(name).example.params).count).toBe(0);
  });
});

describe("what is unknown", () => {
  const { params } = methodRow("RegisterTask");
  const found = (value: Json) => unknownFields(params, value);

  test("is told with the nearest field of the same object", () => {
    const value = {
      gaol: "g",
      policy: { require_intnt: true },
      initial_nodes: [{}, { resources: [{ mod: "shared" }] }],
    };
    expect(found(value).told).toEqual([
      { place: "", name: "gaol", meant: "goal" },
      { place: "policy", name: "require_intnt", meant: "require_intent" },
      { place: "initial_nodes.1.resources.0", name: "mod", meant: "mode" },
    ]);
  });

  test("is nothing in what is the client's own", () => {
    expect(
      found({ context: { gaol: 1 }, labels: { anything: "x" }, initial_nodes: [{ payload_schema: { q: 1 } }] }),
    ).toEqual({ told: [], count: 0, areAllCounted: true });
  });

  test("is counted where there is very much of it, and some is told, with names of a sensible length", () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`${"x".repeat(100)}${index}`, 1]));
    const { told, count } = found(many);
    expect([told.length, count]).toEqual([20, 5_000]);
    expect(Math.max(...told.map(({ name }) => name.length))).toBeLessThanOrEqual(60);
  });
});
