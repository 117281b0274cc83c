import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { type Frame, LineReader, NOT_UTF8, TOO_LONG } from "../../src/protocol/framing.ts";
import { limits } from "../../src/protocol/limits.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Everything a reader makes of these chunks and the end after them. */
function framesOf(chunks: Uint8Array[], bytesMax = 64): Frame[] {
  const reader = new LineReader(bytesMax);
  const frames = chunks.flatMap((chunk) => reader.push(chunk));
  const last = reader.end();
  return last === undefined ? frames : [...frames, last];
}

describe("a line", () => {
  test.each<[string, string, Frame[]]>([
    ["ends with a newline", "a\nb\n", ["a", "b"]],
    ["may have a carriage return before it", "a\r\nb\r\n", ["a", "b"]],
    ["keeps a carriage return elsewhere", "a\rb\r\r\n", ["a\rb\r"]],
    ["keeps its own white space", " a \t\n", [" a \t"]],
    ["is skipped when blank", "\n\r\n \t \r\na\n\n", ["a"]],
    ["counts without a newline at the very end", "a\nb", ["a", "b"]],
    ["may lack its newline but not its carriage return", "a\r", ["a"]],
    ["is nothing when nothing came", "", []],
    ["is skipped when blank at the very end", "a\n \r", ["a"]],
    ["keeps a byte order mark, which is no JSON", "\ufeffa\n", ["\ufeffa"]],
  ])("%s", (_rule, stream, frames) => {
    expect(framesOf([bytes(stream)])).toEqual(frames);
  });

  test("that is not UTF-8 is named so, and the next is read", () => {
    const stream = Buffer.concat([
      bytes("a\n"),
      Uint8Array.of(0xc3, 0x28, 10, 0xff, 10),
      bytes("b\n"),
      Uint8Array.of(0xe2),
    ]);
    expect(framesOf([stream])).toEqual(["a", NOT_UTF8, NOT_UTF8, "b", NOT_UTF8]);
  });
});

describe("frames do not depend on how the bytes arrive", () => {
  const stream = Buffer.concat([bytes("{é}\r\n\n \r\n😀x\n"), Uint8Array.of(0xff, 10), bytes("y\rz\nlast")]);
  const frames: Frame[] = ["{é}", "😀x", NOT_UTF8, "y\rz", "last"];

  test("cut in three at any two places", () => {
    for (let i = 0; i <= stream.length; i++) {
      for (let j = i; j <= stream.length; j++) {
        expect(framesOf([stream.subarray(0, i), stream.subarray(i, j), stream.subarray(j)])).toEqual(frames);
      }
    }
  });

  test("byte by byte", () => {
    expect(framesOf(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(frames);
  });

  test("in a buffer that is used again for the next bytes", () => {
    const reader = new LineReader(64);
    const buffer = bytes("abc");
    expect(reader.push(buffer)).toEqual([]);
    buffer.set(bytes("d\ne"));
    expect(reader.push(buffer)).toEqual(["abcd"]);
    buffer.fill(0);
    expect(reader.end()).toBe("e");
  });
});

describe("the limit counts the newline", () => {
  const max = limits.requestBytesMax;
  const line = (length: number) => bytes("x".repeat(length));

  test.each<[string, string, number]>([
    ["newline", "\n", max - 1],
    ["carriage return and newline", "\r\n", max - 2],
  ])("with %s, exactly 1 MiB is taken and one byte more is not", (_name, ending, length) => {
    expect(framesOf([line(length), bytes(ending)], max)).toEqual(["x".repeat(length)]);
    expect(framesOf([line(length + 1), bytes(ending)], max)).toEqual([TOO_LONG]);
  });

  test("a last line leaves room for the newline it does not have", () => {
    expect(framesOf([line(max - 1)], max)).toEqual(["x".repeat(max - 1)]);
    expect(framesOf([line(max)], max)).toEqual([TOO_LONG]);
  });

  test.each([1, 7, 8, 9, 64])("in chunks of %d bytes", (size) => {
    const cut = (stream: Uint8Array) =>
      Array.from({ length: Math.ceil(stream.length / size) }, (_, i) => stream.subarray(i * size, (i + 1) * size));
    expect(framesOf(cut(bytes("1234567\n1234567\n")), 8)).toEqual(["1234567", "1234567"]);
    expect(framesOf(cut(bytes("1234567\n12345678\n")), 8)).toEqual(["1234567", TOO_LONG]);
  });

  test("lines before the long one are answered, those after it are not read", () => {
    const reader = new LineReader(8);
    expect(reader.push(bytes("a\nb\n123456789\nc\n"))).toEqual(["a", "b", TOO_LONG]);
    expect(reader.push(bytes("d\n"))).toEqual([]);
    expect(reader.end()).toBeUndefined();
  });

  test("a line is refused before its end came", () => {
    expect(new LineReader(8).push(bytes("12345678"))).toEqual([TOO_LONG]);
  });
});

test("a line in a hundred thousand pieces cost an object for each", () => {
  const arrays = () => heapStats().objectTypeCounts.Uint8Array ?? 0;
  const reader = new LineReader(limits.requestBytesMax);
  const piece = bytes("x");
  Bun.gc(true);
  const before = arrays();
  for (let i = 0; i < 100_000; i++) reader.push(piece);
  Bun.gc(true);
  expect(arrays() - before).toBeLessThan(100);
  expect(reader.push(bytes("\n"))).toEqual(["x".repeat(100_000)]);
});
