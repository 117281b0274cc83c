import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Socket } from "bun";
import fc from "fast-check";
import { Outbox } from "../../src/daemon/outbox.ts";
import { scratch } from "./daemon-process.ts";
import { LineClient } from "./line-client.ts";

setDefaultTimeout(30_000);

/** A socket that takes what the test lets it: the numbers of bytes it takes by write, then nothing. */
function meagreSocket(takes: number[]) {
  let taken = "";
  const socket = {
    write(part: Uint8Array) {
      const bytes = takes.shift() ?? 0;
      if (bytes < 0) return bytes;
      const some = part.subarray(0, bytes);
      taken += Buffer.from(some).toString("latin1");
      return some.length;
    },
  };
  return { socket: socket as unknown as Socket<unknown>, taken: () => taken };
}

describe("an outbox", () => {
  test("sends every byte once and in order, however little the socket takes", () => {
    const lines = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c", "\n") }), { maxLength: 20 });
    const takes = fc.array(fc.nat({ max: 9 }), { maxLength: 60 });
    fc.assert(
      fc.property(lines, takes, (texts, bytes) => {
        const { socket, taken } = meagreSocket([...bytes]);
        const outbox = new Outbox(socket);
        for (const text of texts) outbox.send(text);
        for (const _ of bytes) outbox.flush();
        const all = texts.join("");
        expect(all).toStartWith(taken());
        expect(outbox.bytes).toBe(all.length - taken().length);
      }),
    );
  });

  test("counts bytes, not characters", () => {
    const outbox = new Outbox(meagreSocket([1]).socket);
    outbox.send("é€");
    expect(outbox.bytes).toBe(4);
  });

  test("forgets what a closed socket will never take", () => {
    const outbox = new Outbox(meagreSocket([2, -1]).socket);
    outbox.send("abcdef");
    outbox.flush();
    expect(outbox.bytes).toBe(0);
  });
});

test("an answer of 20 MB arrives whole through a reader that pauses again and again", async () => {
  using place = scratch();
  const path = join(place.path, "socket");
  const answer = Array.from({ length: 2_000_000 }, (_, i) => String(i).padStart(9, "0")).join(" ");
  const server = Bun.listen<{ outbox: Outbox }>({
    unix: path,
    allowHalfOpen: true,
    socket: {
      open: (socket) => void (socket.data = { outbox: new Outbox(socket) }),
      data: ({ data }) => data.outbox.send(`${answer}\nafter it\n`),
      drain: ({ data }) => data.outbox.flush(),
    },
  });
  try {
    using client = await LineClient.connect(path);
    client.push("go");
    for (let i = 0; i < 20; i++) {
      client.stopReading();
      await Bun.sleep(5);
      client.readOn();
      await Bun.sleep(1);
    }
    const digest = (text: string | null) => createHash("sha256").update(String(text)).digest("hex");
    expect(digest(await client.line())).toBe(digest(answer));
    expect(await client.line()).toBe("after it");
  } finally {
    server.stop(true);
  }
});
