import { describe, expect, test } from "bun:test";
import { readDuration, readInteger, readJson, readPercent, readWhole } from "../../src/cli/values.ts";
import { rejectionOf } from "../support/rejection.ts";

describe("durations", () => {
  test.each([
    ["0", 0],
    ["90", 90],
    ["90s", 90],
    ["5m", 300],
    ["1h", 3_600],
    ["1h30m", 5_400],
    ["2d", 172_800],
  ])("%s", (text, secs) => {
    expect(readDuration(text, "timeout")).toBe(secs);
  });

  test.each(["", "m", "5 m", "-5", "1.5h", "5x", "1h30", "99999999999999999999"])("%j is none", (text) => {
    expect(() => readDuration(text, "timeout")).toThrow("--timeout is");
  });
});

test.each(["", "-1", "1.0", "1e3", "0x10", "9007199254740993"])("%j is no whole number", (text) => {
  expect(() => readWhole(text, "limit")).toThrow("--limit is");
});

test.each([
  ["0", 0],
  ["40", 40],
  ["12.5%", 12.5],
  ["100", 100],
])("%s is a percentage", (text, percent) => {
  expect(readPercent(text)).toBe(percent);
});

test.each(["", "%", "-1", "100.1", "1e1", "half"])("%j is no percentage", (text) => {
  expect(() => readPercent(text)).toThrow("--percent is");
});

test.each([
  ["0", 0],
  ["-5", -5],
])("%s is an integer", (text, value) => {
  expect(readInteger(text, "PRIORITY")).toBe(value);
});

test.each(["", "-", "+1", "1.0", "9007199254740993"])("%j is no integer", (text) => {
  expect(() => readInteger(text, "PRIORITY")).toThrow("PRIORITY is");
});

describe("JSON arguments", () => {
  test("are sent to the letter", async () => {
    expect(JSON.stringify(await readJson('{"x":1.0,"y":12345678901234567890}', "PARAMS"))).toBe(
      '{"x":1.0,"y":12345678901234567890}',
    );
  });

  test.each([
    ["tests fail", `a text is written '"tests fail"'`],
    ["{", "PARAMS is not usable as JSON"],
    ['{"a":1,"a":2}', "the same key twice"],
    ["@/nowhere/at/all", "PARAMS: /nowhere/at/all cannot be read"],
  ])("%s is refused", async (text, message) => {
    expect((await rejectionOf(readJson(text, "PARAMS"))).message).toContain(message);
  });
});
