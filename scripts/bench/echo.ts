/*
 * What the socket code costs alone: the daemon's own framing, JSON reader, encoder and outbox, without state. It parses
 * each request and answers at once with what CommitEvent answers. Listens at the path it is given until it is killed.
 */
import { Outbox } from "../../src/daemon/outbox.ts";
import { encodeResponse, parseRequest } from "../../src/protocol/envelope.ts";
import { LineReader } from "../../src/protocol/framing.ts";
import { limits } from "../../src/protocol/limits.ts";

interface Client {
  reader: LineReader;
  outbox: Outbox;
}

const result = { event_id: "0198f2a1-6c1b-4d53-9f5c-0a3b1c2d3e4f", seq: 1_234_567 };

Bun.listen<Client>({
  unix: Bun.argv[2] ?? "",
  allowHalfOpen: true,
  socket: {
    open(socket) {
      socket.data = { reader: new LineReader(limits.requestBytesMax), outbox: new Outbox(socket) };
    },
    data(socket, chunk) {
      const { reader, outbox } = socket.data;
      let answers = "";
      for (const frame of reader.push(chunk)) {
        if (typeof frame !== "string") throw new Error("the generator sent no line");
        const { id } = parseRequest(frame, limits.depthMax);
        answers += encodeResponse(id === undefined ? { result } : { id, result });
      }
      if (answers !== "") outbox.send(answers);
    },
    drain: (socket) => socket.data.outbox.flush(),
    error: (socket) => socket.terminate(),
  },
});
console.log("ready");
