import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Json, JsonRefused, parseJson, parseStored } from "../../src/protocol/json.ts";

/** Why a text is refused; undefined when it is taken. */
function refusalOf(text: string, depthMax = 32): JsonRefused | undefined {
  try {
    parseJson(text, depthMax);
  } catch (refused) {
    if (refused instanceof JsonRefused) return refused;
    throw refused;
  }
  return undefined;
}

const nested = (levels: number, open = "[", close = "]") => open.repeat(levels) + close.repeat(levels);

describe("what was sent is what is kept", () => {
  test.each([
    "1.0",
    "1e400",
    "-1e-400",
    "12345678901234567890",
    "9007199254740993",
    "0.1000000000000000055511151231257827",
    "-0",
    "-0.0",
    "1E5",
    '[-0,0,1.50,"1.50"]',
    '{"a":{"b":[1.10,{"c":2.0}]},"d":1e2}',
    '{"toString":1.0,"constructor":2,"":3,"a:b{[":"}],:"}',
    '"quote \\" backslash \\\\ and \\\\\\" both"',
    '"😀 é \\u0000 \\n"',
    "null",
    "true",
  ])("%s", (text) => {
    expect(JSON.stringify(parseJson(text, 32))).toBe(text);
    expect(JSON.stringify(parseStored(text))).toBe(text);
  });

  test("an escaped surrogate pair is the character it spells", () => {
    expect(parseJson('"\\ud83d\\ude00"', 32)).toBe("😀");
  });

  test.each([
    ["quotes", '\\"'],
    ["backslashes", "\\\\"],
    ["colons and brackets", ":{[]}"],
    ["line ends", "\\n"],
  ])("a string of a mebibyte of %s", (_name, unit) => {
    const text = `{"a":"${unit.repeat((1 << 20) / unit.length)}","b":[1.0]}`;
    expect(JSON.stringify(parseJson(text, 32)) === text).toBe(true);
  });

  test("any JSON value", () => {
    const values = fc
      .jsonValue({ stringUnit: "binary" })
      .filter((value) => !JSON.stringify(value).includes("__proto__"));
    fc.assert(
      fc.property(values, (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(parseJson(text, 1_000))).toBe(text);
        expect(JSON.stringify(parseStored(text))).toBe(text);
      }),
    );
  });

  test("any spelling of a number", () => {
    const number = fc.stringMatching(/^-?(0|[1-9]\d{0,25})(\.\d{1,25})?([eE][+-]?\d{1,3})?$/);
    fc.assert(
      fc.property(number, (spelling) => {
        const text = `{"a":[${spelling},{"b":${spelling}}],"c":"${spelling}"}`;
        expect(JSON.stringify(parseJson(text, 32))).toBe(text);
        expect(JSON.stringify(parseStored(text))).toBe(text);
      }),
    );
  });
});

describe("what two readers could understand differently is refused", () => {
  test.each([
    ["a key given twice", '{"a":1,"a":1}', "shape", "same key twice"],
    ["a key given twice, deep down", '[{"x":[{"a":1,"b":2,"a":3}]}]', "shape", "same key twice"],
    ["a key given twice in two spellings", '{"a":1,"\\u0061":2}', "shape", "same key twice"],
    ["__proto__", '{"__proto__":{"admin":true}}', "shape", "__proto__"],
    ["__proto__ in another spelling", '{"\\u005f_proto__":1}', "shape", "__proto__"],
    ["the first half of a surrogate pair", '"\\ud800"', "syntax", "surrogate"],
    ["the second half of a surrogate pair", '["x\\uDC00y"]', "syntax", "surrogate"],
    ["half a surrogate pair in a key", '{"\\ud83d":1}', "syntax", "surrogate"],
    ["no text", "", "syntax", "not JSON"],
    ["a trailing comma", "[1,]", "syntax", "not JSON"],
    ["two values", "1 2", "syntax", "not JSON"],
    ["a string without its end", '"a\\"', "syntax", "not JSON"],
    ["a leading zero", "01", "syntax", "not JSON"],
    ["NaN", "NaN", "syntax", "not JSON"],
    ["a bracket too many", "[]]", "syntax", "not JSON"],
  ] as const)("%s", (_name, text, reason, message) => {
    const refused = refusalOf(text);
    expect(refused?.reason).toBe(reason);
    expect(refused?.message).toContain(message);
  });
});

describe("nesting", () => {
  test.each([
    ["lists at the limit", nested(32), false],
    ["lists one over", nested(33), true],
    ["objects at the limit", `${'{"a":'.repeat(31)}{}${"}".repeat(31)}`, false],
    ["objects one over", `${'{"a":'.repeat(32)}{}${"}".repeat(32)}`, true],
    ["brackets inside a string", JSON.stringify(nested(500)), false],
    ["brackets behind an escaped quote", JSON.stringify(`"${nested(500)}`), false],
    ["many shallow lists", `[${Array.from({ length: 500 }, () => "[]").join()}]`, false],
    ["a million levels that never close", "[".repeat(1_000_000), true],
  ])("%s", (_name, text, tooDeep) => {
    expect(refusalOf(text)?.message).toBe(tooDeep ? "nested deeper than 32 levels" : undefined);
  });
});

/** A document as written: objects keep every member, and a key its spelling. */
type Written =
  { text: string } | { list: Written[] } | { members: { key: string; escaped: boolean; value: Written }[] };

const key = fc.constantFrom("a", "b", "", '"', "\\", "a:b", "{", "]", "\\u0061", "é");
const { written } = fc.letrec<{ written: Written }>((tie) => ({
  written: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({ text: fc.constantFrom("1", "1.0", "-0", "null", '"a:{\\"["', '"\\\\"') }),
    fc.record({ list: fc.array(tie("written"), { maxLength: 3 }) }),
    fc.record({
      members: fc.array(fc.record({ key, escaped: fc.boolean(), value: tie("written") }), { maxLength: 4 }),
    }),
  ),
}));

const escapeAll = (text: string) =>
  `"${Array.from(text, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`;

function render(document: Written, gap: string): string {
  if ("text" in document) return document.text;
  if ("list" in document) return `[${gap}${document.list.map((item) => render(item, gap)).join(`${gap},`)}]`;
  const members = document.members.map(
    ({ key: name, escaped, value }) =>
      `${escaped ? escapeAll(name) : JSON.stringify(name)}${gap}:${gap}${render(value, gap)}`,
  );
  return `{${members.join(`,${gap}`)}${gap}}`;
}

function depthOf(document: Written): number {
  if ("text" in document) return 0;
  const parts = "list" in document ? document.list : document.members.map(({ value }) => value);
  return 1 + Math.max(0, ...parts.map(depthOf));
}

function repeatsAKey(document: Written): boolean {
  if ("text" in document) return false;
  if ("list" in document) return document.list.some(repeatsAKey);
  const names = document.members.map((member) => member.key);
  return new Set(names).size < names.length || document.members.some(({ value }) => repeatsAKey(value));
}

function valueOf(document: Written): Json {
  if ("text" in document) return JSON.parse(document.text) as Json;
  if ("list" in document) return document.list.map(valueOf);
  return Object.fromEntries(document.members.map((member) => [member.key, valueOf(member.value)]));
}

test("the scanner sees what the document's author wrote, however it is spelled", () => {
  fc.assert(
    fc.property(
      written,
      fc.constantFrom("", " ", "\t\n"),
      fc.integer({ min: 0, max: 5 }),
      (document, gap, depthMax) => {
        const text = render(document, gap);
        if (depthOf(document) > depthMax) {
          expect(refusalOf(text, depthMax)?.message).toContain("nested deeper");
        } else if (repeatsAKey(document)) {
          expect(refusalOf(text, depthMax)?.message).toContain("same key twice");
        } else {
          expect(JSON.parse(JSON.stringify(parseJson(text, depthMax))) as Json).toEqual(valueOf(document));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test.each([
  ['{"a":1,"b":{"a":1},"a":2}', '"a"'],
  ['{"x":[{"a":1},{"a":1,"\\u0061" : 2}]}', '"\\u0061"'],
  ['{"a":"a","b":["a","a"],"c":"\\"a\\":","b":1}', '"b"'],
  [`{"${"k".repeat(99)}":1,"${"k".repeat(99)}":1}`, `"${"k".repeat(59)}…`],
])("a key that stands twice is named: %s", (text, named) => {
  expect(() => parseJson(text, 32)).toThrow(`an object names the same key twice: ${named}`);
});
