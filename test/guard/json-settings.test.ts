import { describe, expect, test } from "bun:test";
import { appendTo, NoJson, removeFrom, valueOf, withMember } from "../../src/cli/guard/json-settings.ts";

const entry = { matcher: "Edit", hooks: [{ command: "guard" }] };
const isGuard = (value: unknown) => JSON.stringify(value).includes("guard");
const list = ["hooks", "PreToolUse"];

describe("a settings file keeps how it is written", () => {
  test.each([
    ["empty", "{}"],
    ["with its line end", "{}\n"],
    ["of other settings", '{\n  "model": "x",\n  "n": 1.0\n}\n'],
    ["in tabs", '{\n\t"model": "x"\n}\n'],
    ["by four", '{\n    "hooks": {\n        "Stop": []\n    }\n}'],
    ["on one line", '{"model":"x","hooks":{"Stop":[1]}}'],
    ["with CR LF", '{\r\n  "model": "x"\r\n}\r\n'],
    [
      "with another hook",
      '{\n  "hooks": {\n    "PreToolUse": [\n      { "matcher": "Bash", "hooks": [] }\n    ]\n  }\n}\n',
    ],
    ["with comments and a comma too many", '// mine\n{\n  "a": 1, /* b */\n  "hooks": { "Stop": [1,], },\n}\n'],
    ["with a byte order mark", '\uFEFF{\n  "model": "x"\n}\n'],
    ["with a name twice, where the last counts", '{ "hooks": 1, "hooks": { "Stop": [] } }'],
    ["with brackets in texts", '{ "a]}": "\\"{[,", "hooks": {"x": "//"} }'],
  ])("%s", (_name, text) => {
    const added = appendTo(text, list, entry);
    const hooks = (valueOf(added) as { hooks: { PreToolUse: unknown[] } }).hooks.PreToolUse;
    expect(hooks.at(-1)).toEqual(entry);
    expect(removeFrom(added, list, isGuard)).toBe(text);
  });

  test("and a new one is laid out as its neighbours are", () => {
    const text = '{\n    "model": "x"\n}\n';
    expect(appendTo(text, list, { a: [1] })).toBe(
      [
        "{",
        '    "model": "x",',
        '    "hooks": {',
        '        "PreToolUse": [',
        "            {",
        '                "a": [',
        "                    1",
        "                ]",
        "            }",
        "        ]",
        "    }",
        "}\n",
      ].join("\n"),
    );
  });
});

describe("what is taken out", () => {
  test("may stand first, in the middle or last", () => {
    const text = '{ "l": ["guard", 1, "guard 2", 2, "guard"] }';
    expect(removeFrom(text, ["l"], isGuard)).toBe('{ "l": [1, 2] }');
  });

  test("takes what is empty then with it, but not the file's braces", () => {
    expect(removeFrom('{ "a": { "b": { "l": ["guard"] } } }', ["a", "b", "l"], isGuard)).toBe("{}");
    expect(removeFrom('{ "a": { "b": ["guard"] }, "c": 2 }', ["a", "b"], isGuard)).toBe('{ "c": 2 }');
  });

  test("is nothing where nothing is", () => {
    for (const text of ["{}", '{"hooks":[]}', '{"hooks":{"PreToolUse":{}}}', "[]", '"x"']) {
      expect(removeFrom(text, list, isGuard)).toBe(text);
    }
  });
});

describe("a member", () => {
  test("that is missing is added, and one that is there stays", () => {
    expect(withMember('{ "a": 1 }', "version", 1)).toBe('{ "a": 1, "version": 1 }');
    expect(withMember('{ "version": 2 }', "version", 1)).toBe('{ "version": 2 }');
  });
});

describe("what is no such file is refused", () => {
  test.each([
    ["", "line 1: value expected"],
    ["{", "line 1: close brace expected"],
    ['{\n"a": }', "line 2: value expected"],
    ['{"a": 1} x', "line 1: invalid symbol"],
    ["{'a': 1}", "line 1: invalid symbol"],
    ["[]", "the file is no object"],
    ['{"hooks": []}', "hooks is no object"],
    ['{"hooks": {"PreToolUse": {}}}', "hooks.PreToolUse is no list"],
  ])("%j", (text, message) => {
    expect(() => appendTo(text, list, entry)).toThrow(new NoJson(message));
  });
});
