import { describe, expect, test } from "bun:test";
import { deadlineShift, tickMs } from "../../src/core/lease/clock.ts";

const last = { wallMs: 1_800_000_000_000, monotonicMs: 50_000 };
const hour = 3_600_000;
const day = 24 * hour;

describe("deadlines move by", () => {
  test.each<[string, wallMs: number, monotonicMs: number, shift: number]>([
    ["nothing while both clocks stand", 0, 0, 0],
    ["nothing at a tick on time", tickMs, tickMs, 0],
    ["the whole gap at a late tick", tickMs + 1, tickMs + 1, tickMs + 1],
    ["the whole gap of a stop shorter than two ticks", 1_500, 1_500, 1_500],
    ["the whole gap when the process was stopped", hour, hour, hour],
    ["the time the machine slept", hour + 400, 400, hour],
    ["the sleep and the gap when both happened", hour + 5_000, 5_000, hour + 5_000],
    ["a step ahead", 10 * day, 0, 10 * day],
    ["a step back, so that no more than the rest is left", -10 * day, 0, -10 * day],
    ["a step back of a second between two ticks", 0, 1_000, -1_000],
    ["nothing for a drift at the threshold", 1_100, 1_000, 0],
    ["nothing for a drift back at the threshold", 900, 1_000, 0],
    ["a drift over the threshold", 1_101, 1_000, 101],
    ["a drift back over the threshold", 899, 1_000, -101],
    ["the gap and a step back that happened in it", 5_000 - hour, 5_000, 5_000 - hour],
    ["whole milliseconds", 3_000.4, 3_000.4, 3_000],
  ])("%s", (_, wallMs, monotonicMs, shift) => {
    const now = { wallMs: last.wallMs + wallMs, monotonicMs: last.monotonicMs + monotonicMs };
    expect(deadlineShift(last, now)).toBe(shift);
  });
});
