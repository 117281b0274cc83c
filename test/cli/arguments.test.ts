import { describe, expect, test } from "bun:test";
import type { ArgsDef } from "citty";
import { readValues, splitArguments } from "../../src/cli/arguments.ts";

const args = {
  task: { type: "positional", required: true, description: "the task" },
  note: { type: "positional", required: false, description: "a note" },
  follow: { type: "boolean", alias: "f", description: "go on" },
  lines: { type: "string", alias: "n", valueHint: "N", description: "how many" },
  label: { type: "string", repeatable: true, description: "labels" },
  state: { type: "enum", options: ["ACTIVE", "FAILED"], description: "the state" },
} as const satisfies Record<string, ArgsDef[string] & { repeatable?: true }>;

const read = (...tokens: string[]) => readValues(splitArguments(tokens, args), args);

describe("arguments", () => {
  test.each([
    [["a"], { task: "a" }],
    [["a", "b"], { task: "a", note: "b" }],
    [["--follow", "a"], { task: "a", follow: true }],
    [["-f", "a"], { task: "a", follow: true }],
    [["a", "--lines", "5"], { task: "a", lines: "5" }],
    [["a", "--lines=5"], { task: "a", lines: "5" }],
    [["a", "-n", "5"], { task: "a", lines: "5" }],
    [["a", "--lines="], { task: "a", lines: "" }],
    [["a", "--lines=--odd"], { task: "a", lines: "--odd" }],
    [["a", "--lines", "-1"], { task: "a", lines: "-1" }],
    [["-"], { task: "-" }],
    [["a", "-5"], { task: "a", note: "-5" }],
    [["--", "--follow"], { task: "--follow" }],
    [["a", "--state", "FAILED"], { task: "a", state: "FAILED" }],
    [["a", "--label", "b"], { task: "a", label: ["b"] }],
    [["--label", "b", "a", "--label=c"], { task: "a", label: ["b", "c"] }],
  ])("%j are read", (tokens, expected) => {
    const { _: words, ...values } = read(...tokens);
    expect(words).toEqual([]);
    expect(JSON.parse(JSON.stringify(values))).toEqual(expected);
  });

  test.each([
    [[], "TASK is missing (the task)"],
    [["a", "b", "c"], `"c" is an unexpected argument`],
    [["a", "--folow"], "there is no option --folow (did you mean --follow?)"],
    [["a", "--zzz"], "there is no option --zzz"],
    [["a", "-x"], "there is no option -x"],
    [["a", "--no-follow"], "there is no option --no-follow"],
    [["a", "--follow", "-f"], "--follow is given twice"],
    [["a", "--lines=1", "--lines=2"], "--lines is given twice"],
    [["a", "--lines"], "--lines needs a value: --lines N"],
    [["a", "--lines", "--follow"], "--lines needs a value: --lines N"],
    [["a", "--follow=yes"], "--follow takes no value, and got yes"],
    [["a", "--state", "ACTVE"], "--state is ACTVE, and can be ACTIVE, FAILED (did you mean ACTIVE?)"],
  ])("%j are refused", (tokens, message) => {
    expect(() => read(...tokens)).toThrow(message);
  });

  test("that may be repeated take all words that are left", () => {
    const several = { ...args, note: { ...args.note, repeatable: true } } as const;
    const take = (...tokens: string[]) => readValues(splitArguments(tokens, several), several);
    expect(take("a")).toMatchObject({ task: "a", note: [] });
    expect(take("a", "b", "--follow", "c")).toMatchObject({ task: "a", note: ["b", "c"], follow: true });
  });

  test("after -- are the command's to run, where a command takes one", () => {
    const take = (...tokens: string[]) => readValues(splitArguments(tokens, args), args, true);
    expect(take("a", "--", "ls", "-l", "--", "--follow")).toMatchObject({
      task: "a",
      _: ["ls", "-l", "--", "--follow"],
    });
    expect(() => take("a")).toThrow("the command to run is missing: -- CMD [ARGUMENTS]");
    expect(() => take("a", "b", "c", "--", "ls")).toThrow(`"c" is an unexpected argument`);
  });

  test("a missing required option is named", () => {
    const required = { error: { type: "string", required: true, description: "what went wrong" } } as const;
    expect(() => readValues(splitArguments([], required), required)).toThrow("--error is missing (what went wrong)");
  });
});
