import { expect, test } from "bun:test";
import { LargeRequests } from "../../src/daemon/large-requests.ts";

const small = 16 << 10;
const large = 1 << 20;

test("one large request is taken up between two turns, and any number of small ones", () => {
  const requests = new LargeRequests<string>();
  expect(requests.take("a", large)).toBe(true);
  expect(requests.take("b", large)).toBe(false);
  expect(["a", "b", "c"].map((client) => requests.take(client, small))).toEqual([true, true, true]);
  requests.turnEnded();
  expect(requests.take("b", large)).toBe(true);
});

test("several that are not that large are taken up together", () => {
  const requests = new LargeRequests<string>();
  expect([1, 2, 3, 4, 5].map((n) => requests.take(`${n}`, large / 4))).toEqual([true, true, true, true, false]);
});

test("who was first in line goes first, whoever asks", () => {
  const requests = new LargeRequests<string>();
  requests.take("a", large);
  for (const client of ["b", "c", "a"]) requests.take(client, large);
  expect(requests.line).toEqual(["b", "c", "a"]);
  requests.turnEnded();
  expect(requests.take("c", large)).toBe(false);
  expect(requests.take("b", large)).toBe(true);
  requests.turnEnded();
  expect(["a", "c"].map((client) => requests.take(client, large))).toEqual([false, true]);
});

test("who has left holds up nobody", () => {
  const requests = new LargeRequests<string>();
  requests.take("a", large);
  requests.take("b", large);
  requests.take("c", large);
  requests.leave("b");
  requests.turnEnded();
  expect(requests.take("c", large)).toBe(true);
  expect(requests.isWaitedFor).toBe(false);
});
