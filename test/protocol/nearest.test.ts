import { expect, test } from "bun:test";
import { nearest } from "../../src/protocol/nearest.ts";

const words = ["task", "node", "event", "lock", "verify", "version"];

test.each([
  ["tsak", "task"],
  ["nod", "node"],
  ["verfy", "verify"],
  ["versoin", "version"],
  ["ver", "verify"],
  ["zzz", undefined],
  ["x", undefined],
])("%s most likely meant %s", (word, meant) => {
  expect(nearest(word, words)).toBe(meant);
});
