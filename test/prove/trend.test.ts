import { describe, expect, test } from "bun:test";
import { grownMb, rowBytes, type Sample, slopePerHour } from "../../scripts/prove/soak/trend.ts";

/** An hour of a daemon whose memory has this much at each minute, and garbage above it that comes and goes. */
function hour(memoryMb: (minute: number) => number): Sample[] {
  return Array.from({ length: 3_600 }, (_, secs) => ({ secs, memoryMb: memoryMb(secs / 60) + (secs % 20) * 3 }));
}

describe("memory", () => {
  test.each<[string, (minute: number) => number, number]>([
    ["that stays", () => 30, 0],
    ["that grows by 6 MB an hour", (minute) => 30 + minute / 10, 6],
    ["that shrinks by 6 MB an hour", (minute) => 30 - minute / 10, -6],
    ["that grows in the first third only", (minute) => 30 + Math.min(minute, 20), 0],
  ])("%s", (_, memoryMb, expected) => {
    expect(slopePerHour(hour(memoryMb))).toBeCloseTo(expected, 0);
    expect(grownMb(hour(memoryMb))).toBeCloseTo(expected * 0.44, 0);
  });

  test("of a few seconds has no slope", () => {
    const samples = hour((minute) => 30 + minute).slice(0, 10);
    expect([slopePerHour(samples), grownMb(samples)]).toEqual([0, 0]);
  });
});

test("a row that costs the same is not found to cost more, whichever rows stand in the log alone", () => {
  const half = { rows: 5_000, databaseMb: 5, walMb: 4 };
  const end = { rows: 10_000, databaseMb: 18, walMb: 4 };
  expect(rowBytes(end).least).toBeLessThanOrEqual(rowBytes(half).most);
  // And one that costs twice as much is.
  expect(rowBytes({ ...end, databaseMb: 36 }).least).toBeGreaterThan(rowBytes(half).most * 1.5);
});
