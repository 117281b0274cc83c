import { describe, expect, test } from "bun:test";
import { Tail } from "../../src/cli/run/tail.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("the tail of an output", () => {
  test.each<[string, string[], string]>([
    ["fits", ["ab", "cd"], "abcd"],
    ["is cut to its last bytes", ["abc", "def"], "cdef"],
    ["is cut within one piece", ["abcdefgh"], "efgh"],
    ["begins with a whole character", ["xé", "bcd"], "bcd"],
    ["keeps characters that were cut into pieces", ["é", "€"], "€"],
  ])("%s", (_what, pieces, text) => {
    const tail = new Tail(4);
    for (const piece of pieces) tail.push(bytes(piece));
    expect(tail.printed()).toEqual({ text, bytes: bytes(pieces.join("")).length, isUtf8: true });
  });

  test("that is no UTF-8 says so", () => {
    const tail = new Tail(4);
    tail.push(new Uint8Array([0x22, 0xff, 0x22]));
    expect(tail.printed()).toEqual({ text: '"\u{fffd}"', bytes: 3, isUtf8: false });
  });

  test("is the same in pieces of one byte as in one", () => {
    const tail = new Tail(100);
    for (let i = 0; i < 10_000; i++) tail.push(bytes(String(i % 10)));
    expect(tail.printed().text).toBe("0123456789".repeat(10));
  });
});
