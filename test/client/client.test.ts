import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "bun";
import { Client } from "../../src/client/client.ts";
import { ConnectionLost, DaemonUnreachable, RequestRefused } from "../../src/client/refusals.ts";
import { rejectionOf } from "../support/rejection.ts";

interface Asked {
  id: number;
  method: string;
  params: unknown;
  idempotency_key?: string;
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

/** A server that hands every request line to `answer`, which writes what it likes. */
function serve(answer: (socket: Socket, asked: Asked) => void, open: (socket: Socket) => void = () => {}): string {
  const directory = mkdtempSync(join(tmpdir(), "agentd-client-"));
  const path = join(directory, "s");
  let text = "";
  const data = (socket: Socket, chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) answer(socket, JSON.parse(line) as Asked);
  };
  const listener = Bun.listen({ unix: path, socket: { data, open } });
  cleanups.push(() => {
    listener.stop(true);
    rmSync(directory, { recursive: true });
  });
  return path;
}

const reply = (socket: Socket, answer: object) => socket.write(`${JSON.stringify(answer)}\n`);

describe("a client", () => {
  test("keeps several requests in flight and matches answers in order", async () => {
    const waiting: Asked[] = [];
    const path = serve((socket, asked) => {
      waiting.push(asked);
      if (waiting.length === 3) for (const { id, method } of waiting) reply(socket, { id, result: method });
    });
    using client = await Client.connect(path);
    const answers = await Promise.all(["A", "B", "C"].map((method) => client.request(method, {})));
    expect(answers.map(({ result }) => result)).toEqual(["A", "B", "C"]);
  });

  test("sends the idempotency key beside the parameters, and shows what was replayed", async () => {
    const path = serve((socket, asked) => reply(socket, { id: asked.id, result: asked, replayed: true }));
    using client = await Client.connect(path);
    const answer = await client.request("RegisterTask", { goal: "g" }, { idempotencyKey: "k" });
    expect(answer).toMatchObject({ replayed: true, result: { params: { goal: "g" }, idempotency_key: "k" } });
  });

  test("sends a request longer than the socket takes at once, whole", async () => {
    const path = serve((socket, { id, params }) => reply(socket, { id, result: JSON.stringify(params).length }));
    using client = await Client.connect(path);
    const params = { text: "x".repeat(3_000_000) };
    expect(await client.request("Echo", params)).toMatchObject({ result: JSON.stringify(params).length });
  });

  test("reads numbers to the letter", async () => {
    const path = serve((socket) => socket.write('{"id":1,"result":{"payload":1.0}}\n'));
    using client = await Client.connect(path);
    expect(JSON.stringify((await client.request("Any", {})).result)).toBe('{"payload":1.0}');
  });

  test.each([
    [{ code: -32000, message: "m", data: { kind: "LEASE_LOST", retryable: false, holder: "b" } }, "LEASE_LOST"],
    [{ code: -32000, message: "the original's" }, "INVALID_STATE"],
    [{ code: -32602, message: "the original's" }, "INVALID_PARAMS"],
    [{ code: -32000, message: "a later version's", data: { kind: "NEW" } }, "INVALID_STATE"],
  ] as const)("throws the daemon's error %j as %s", async (error, kind) => {
    const path = serve((socket, { id }) => reply(socket, { id, error }));
    using client = await Client.connect(path);
    const refusal = await rejectionOf(client.call("Health", {}));
    expect(refusal).toBeInstanceOf(RequestRefused);
    expect(refusal).toMatchObject({ kind, message: error.message, wire: error });
  });

  test("takes an error it did not ask for as the answer to its next request", async () => {
    const data = { kind: "TOO_MANY_CONNECTIONS", retryable: true };
    const path = serve(
      () => {},
      (socket) => {
        reply(socket, { error: { code: -32000, message: "full", data } });
        socket.shutdown();
      },
    );
    using client = await Client.connect(path);
    expect(await rejectionOf(client.call("Health", {}))).toMatchObject({ kind: "TOO_MANY_CONNECTIONS" });
  });

  test("fails every waiting and later request when the connection ends", async () => {
    const path = serve((socket) => socket.terminate());
    using client = await Client.connect(path);
    const [first, second] = await Promise.allSettled([client.request("A", {}), client.request("B", {})]);
    expect([first, second].map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await rejectionOf(client.request("C", {}))).toBeInstanceOf(ConnectionLost);
  });

  test.each([["\xff\xfe"], ["<html>"]])("gives up on a server that answers %j", async (bytes) => {
    const path = serve((socket) => socket.write(Buffer.from(`${bytes}\n`, "latin1")));
    using client = await Client.connect(path);
    expect((await rejectionOf(client.request("A", {}))).message).toContain("does not speak agentd's protocol");
  });

  test("says where it looked when nobody listens", async () => {
    const refusal = await rejectionOf(Client.connect("/tmp/nobody/listens.sock"));
    expect(refusal).toBeInstanceOf(DaemonUnreachable);
    expect(refusal.message).toContain("/tmp/nobody/listens.sock");
  });
});
