import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseYaml, plainJson } from "../../src/cli/task/document.ts";

describe("a key that stands twice in one mapping is refused, and where", () => {
  test.each([
    [
      "at the top",
      "goal: a\nname: x\ngoal: b\n",
      'the key "goal" stands twice in one mapping, in line 1 and again in line 3',
    ],
    [
      "in a list",
      "nodes:\n  - name: a\n    name: b\n",
      'the key "name" stands twice in one mapping, in line 2 and again in line 3',
    ],
    ["in flow style", "nodes: [{ name: a, name: b }]", 'the key "name" stands twice'],
    ["as JSON writes it", '{"goal":"a","goal":"b"}', 'the key "goal" stands twice'],
    ["in quotes and without", "goal: a\n'goal': b\n", 'the key "goal" stands twice'],
    ["in either kind of quotes", "\"goal\": a\n'goal' : b\n", 'the key "goal" stands twice'],
    ["as a number and as text", '1: a\n"1": b\n', 'the key "1" stands twice'],
    ["behind question marks", "? goal\n: a\n? goal\n: b\n", 'the key "goal" stands twice'],
    ["with colons in it", "a:b: 1\na:b: 2\n", 'the key "a:b" stands twice'],
    ["with a quote in it", "'it''s': 1\n'it''s': 2\n", `the key "it's" stands twice`],
    ["with an anchor", "&x goal: a\ngoal: b\n", 'the key "goal" stands twice'],
    ["with line ends of Windows", "goal: a\r\ngoal: b\r\n", "in line 1 and again in line 2"],
    ["inside what an alias stands for", "a: &x {b: 1, b: 2}\nc: *x\n", 'the key "b" stands twice'],
    ["of what is merged", "a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\n", 'the key "<<" stands twice'],
  ])("%s", (_, text, message) => expect(() => parseYaml(text)).toThrow(message));
});

describe("a key is not taken for a twin", () => {
  test.each<[string, string, object]>([
    ["in two mappings", "a: {x: 1}\nb: {x: 2}\n", { a: { x: 1 }, b: { x: 2 } }],
    ["where it overrides what is merged", "a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n", { a: { b: 1 }, c: { b: 2 } }],
    ["in a block of text", "a: |\n  x: 1\n  x: 2\nb: >\n  x: 1\n  x: 2\n", { a: "x: 1\nx: 2\n", b: "x: 1 x: 2\n" }],
    ["in quotes", `a: "x: 1, x: 2"\nb: 'x: 1 "x": 2'\n`, { a: "x: 1, x: 2", b: 'x: 1 "x": 2' }],
    [
      "in quotes within quotes",
      `a: "{\\"x\\": 1, \\"x\\": 2}"\nb: 'it''s ''x'': 1'\n`,
      { a: '{"x": 1, "x": 2}', b: "it's 'x': 1" },
    ],
    ["in a comment", "a: 1 # a: 2\n# a: 3\n", { a: 1 }],
    ["in an address", "a: http://x:80/y\nb: 12:30:00\n", { a: "http://x:80/y", b: "12:30:00" }],
    ["where an alias is written twice", "a: &x [1]\nb: *x\nc: *x\n", { a: [1], b: [1], c: [1] }],
    ["in text over several lines", 'a: "x:\n  y: z"\nb: first\n  second\n', { a: "x: y: z", b: "first second" }],
  ])("%s", (_, text, value) => expect(parseYaml(text)).toEqual(value as never));

  /** Text as it stands in prompts, with all that means something to YAML. */
  const prose = fc
    .array(
      fc.constantFrom(
        "a",
        "key",
        ": ",
        ":",
        '"',
        "'",
        "''",
        "\\",
        "#",
        " # ",
        "{",
        "}",
        "[x]",
        "*a",
        "&a",
        "? ",
        "- ",
        "|",
        "<<: ",
        ", ",
      ),
    )
    .map((parts) => parts.join(""));
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ depthSize: "small" }, prose, fc.integer(), fc.boolean(), tie("list"), tie("mapping")),
    list: fc.array(tie("any"), { maxLength: 3 }),
    mapping: fc.dictionary(prose, tie("any"), { maxKeys: 4 }),
  })).mapping;

  test("whatever is written, in flow, in blocks and as JSON: it is read, and nothing of it twice", () => {
    fc.assert(
      fc.property(value, fc.constantFrom(0, 1, 2), (written, style) => {
        const text =
          style === 0
            ? JSON.stringify(written)
            : style === 1
              ? Bun.YAML.stringify(written)
              : Bun.YAML.stringify(written, null, 2);
        // Where Bun itself does not read it, or reads something else, there is nothing to hold this against.
        let plain: unknown;
        try {
          plain = Bun.YAML.parse(text);
        } catch {
          return;
        }
        expect(parseYaml(text)).toEqual(plain as never);
      }),
      { numRuns: 2_000 },
    );
  });

  test("in a long line, in a time that grows with it and not with its square", () => {
    const nodes = Array.from({ length: 20_000 }, (_, index) => ({ name: `n${index}`, dependencies: ["a: b"] }));
    expect(parseYaml(JSON.stringify({ nodes }))).toEqual({ nodes });
  });
});

describe("what no JSON can say is refused", () => {
  test.each([
    ["an alias inside itself", "a: &x\n  b: *x\n", "an alias stands inside what it stands for"],
    ["an alias inside itself, through another", "a: &x\n  b: &y\n    c: *x\n  d: *y\n", "an alias stands inside"],
    ["infinity", "a: .inf\n", "the number Infinity"],
    ["no number", "a: [1, .nan]\n", "the number NaN"],
    ["a number of too many digits", "a: 12345678901234567890\n", "more digits than are kept"],
  ])("%s", (_, text, message) => expect(() => parseYaml(text)).toThrow(message));

  test("aliases that unfold without bound", () => {
    const levels = Array.from({ length: 30 }, (_, n) => `l${n + 1}: &l${n + 1} [*l${n}, *l${n}]`);
    expect(() => parseYaml(["l0: &l0 [x]", ...levels].join("\n"))).toThrow("aliasing");
  });

  test("the same of TOML", () => {
    expect(() => plainJson(Bun.TOML.parse("a = inf"))).toThrow("the number Infinity");
    expect(() => Bun.TOML.parse("a = 1\na = 2")).toThrow("redefine");
  });
});
