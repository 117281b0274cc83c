import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type DaemonProcess, type Scratch, scratch, serve } from "./daemon-process.ts";

let place: Scratch;
let daemon: DaemonProcess;

beforeAll(async () => {
  place = scratch();
  daemon = await serve(place.home);
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

const health = (id: number) => `{"id":${id},"method":"Health"}`;
const idOf = (line: string) => Number(/^\{"id":(\d+),"result"/.exec(line)?.[1]);

/** A request of exactly so many bytes, its newline included. */
function requestOf(bytes: number): string {
  const [head, tail] = ['{"id":1,"method":"Health","params":{"padding":"', '"}}\n'];
  return `${head}${"x".repeat(bytes - head.length - tail.length)}${tail}`;
}

describe("lines", () => {
  test("may end in \\r\\n, and blank ones are skipped", async () => {
    using client = await daemon.lines();
    client.push(`\n\r\n \t \n${health(1)}\r\n\n${health(2)}\n`);
    client.endWriting();
    expect((await client.rest()).map(idOf)).toEqual([1, 2]);
  });

  test("the last one needs no newline before a half-close", async () => {
    using client = await daemon.lines();
    client.push(`${health(1)}\n${health(2)}`);
    client.endWriting();
    expect((await client.rest()).map(idOf)).toEqual([1, 2]);
  });

  test("one that is not UTF-8 is answered without an id, and the next one as ever", async () => {
    using client = await daemon.lines();
    await client.send(
      Buffer.concat([Buffer.from('{"id":1,"method":"'), Uint8Array.of(0xc3, 0x28), Buffer.from('"}\n')]),
    );
    expect(await client.answer()).toMatchObject({ error: { code: -32700, data: { kind: "PARSE_ERROR" } } });
    client.push(`${health(2)}\n`);
    expect(idOf((await client.line()) ?? "")).toBe(2);
  });

  test("may arrive a byte at a time", async () => {
    using client = await daemon.lines();
    for (const byte of Buffer.from(`${health(7)}\n`)) await client.send(Uint8Array.of(byte));
    expect(idOf((await client.line()) ?? "")).toBe(7);
  });

  test("500 sent at once by a client that then half-closes are all answered, in order, before the end", async () => {
    using client = await daemon.lines();
    const ids = Array.from({ length: 500 }, (_, id) => id);
    client.push(ids.map((id) => `${health(id)}\n`).join(""));
    client.endWriting();
    expect((await client.rest()).map(idOf)).toEqual(ids);
  });

  test("a client that sends faster than it reads was cut off: 500 long answers arrive whole and in order", async () => {
    using client = await daemon.lines();
    const ids = Array.from({ length: 500 }, (_, id) => id);
    client.push(ids.map((id) => `{"id":${id},"method":"DescribeInterface"}\n`).join(""));
    client.endWriting();
    expect((await client.rest()).map(idOf)).toEqual(ids);
  });
});

describe("one mebibyte is the longest request", () => {
  test("exactly that is answered", async () => {
    using client = await daemon.lines();
    client.push(requestOf(1 << 20));
    expect(idOf((await client.line()) ?? "")).toBe(1);
  });

  test("a byte more is answered once, after what came before it, and the connection ends", async () => {
    using client = await daemon.lines();
    client.push(`${health(1)}\n${requestOf((1 << 20) + 1)}${health(2)}\n`);
    const [first = "", second = "", ...more] = await client.rest();
    expect([idOf(first), more]).toEqual([1, []]);
    expect(JSON.parse(second)).toMatchObject({
      error: { code: -32001, data: { kind: "LINE_TOO_LONG", limit: "request_bytes_max", max: 1 << 20 } },
    });
  });

  test("a client that is still writing 8 MB can read that answer", async () => {
    using client = await daemon.lines();
    const eightMegabytes = "x".repeat(8 << 20);
    await client.send(eightMegabytes);
    expect(await client.answer()).toMatchObject({ error: { code: -32001 } });
    expect(await client.line()).toBeNull();
  });
});
