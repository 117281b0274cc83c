import { expect, test } from "bun:test";
import { convert } from "../src/convert.ts";
import { format } from "../src/format.ts";
import { length } from "../src/length.ts";
import { mass } from "../src/mass.ts";
import { celsius } from "../src/temperature.ts";
import { time } from "../src/time.ts";

test("length", () => expect(length.kilometre).toBe(1000));
test("mass", () => expect(mass.pound).toBe(453.59237));
test("time", () => expect(time.hour).toBe(60 * time.minute));
test("temperature", () => expect([32, 212].map(celsius)).toEqual([0, 100]));
test("convert", () => {
  expect(convert(2, "mile", "kilometre", length)).toBeCloseTo(3.218688);
  expect(convert(1, "kilogram", "pound", mass)).toBeCloseTo(2.204623);
});
test("format", () =>
  expect([0.5, 1, 2].map((amount) => format(amount, "hour"))).toEqual(["0.5 hours", "1 hour", "2 hours"]));
