import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeJson, JsonText } from "../../src/protocol/json-text.ts";

test("a value with parts that are text already is encoded as if they were not", () => {
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      fc.jsonValue().map((value) => ({ plain: value, built: value })),
      fc.jsonValue().map((value) => ({ plain: value, built: new JsonText(JSON.stringify(value)) })),
      fc.array(tie("tree") as fc.Arbitrary<Built>, { maxLength: 4 }).map((list) => ({
        plain: list.map(({ plain }) => plain),
        built: list.map(({ built }) => built),
      })),
    ),
  }));
  fc.assert(
    fc.property(tree as fc.Arbitrary<Built>, ({ plain, built }) => {
      expect(encodeJson({ built })).toBe(JSON.stringify({ built: plain }));
    }),
  );
});

interface Built {
  plain: unknown;
  built: unknown;
}

test("a text goes in to the letter, also where it has been read by nobody", () => {
  expect(encodeJson({ a: new JsonText("1.0"), b: [new JsonText('{"$&":"$1"}')] })).toBe('{"a":1.0,"b":[{"$&":"$1"}]}');
});
