import type { Socket } from "bun";
import { type BadLine, encodeResponse, notUtf8, parseRequest } from "../protocol/envelope.ts";
import { wireError } from "../protocol/errors.ts";
import { type Frame, LineReader, NOT_UTF8, TOO_LONG } from "../protocol/framing.ts";
import type { Settings } from "../protocol/settings.ts";
import type { Dispatcher } from "../service/dispatcher.ts";
import type { Session } from "../service/sessions.ts";
import { Outbox } from "./outbox.ts";

/** Requests of one client that may wait for a turn before its socket is read no further. */
const queuedMax = 1_024;

/** How long a client that was told to go may still take to read that. */
const farewellMs = 2_000;

/** One client's socket: bytes in, request lines to the dispatcher, answer lines out. */
export class Connection {
  readonly #socket: Socket<unknown>;
  readonly #dispatcher: Dispatcher;
  readonly #settings: Settings;
  readonly #reader: LineReader;
  readonly #outbox: Outbox;
  readonly #session: Session;
  /** No further request is read: the client has ended its side, or broke the framing. */
  #ending = false;
  #paused = false;
  #farewell: ReturnType<typeof setTimeout> | null = null;

  constructor(socket: Socket<unknown>, dispatcher: Dispatcher, settings: Settings) {
    this.#socket = socket;
    this.#dispatcher = dispatcher;
    this.#settings = settings;
    this.#reader = new LineReader(settings.requestBytesMax);
    this.#outbox = new Outbox(socket);
    this.#session = dispatcher.open((lines) => this.#send(lines));
  }

  /** Whether everything asked was answered and taken. */
  get idle(): boolean {
    return this.#session.unanswered === 0 && this.#outbox.bytes === 0;
  }

  received(chunk: Uint8Array): void {
    if (this.#ending) return;
    for (const frame of this.#reader.push(chunk)) this.#submit(frame);
    if (this.#session.queued > queuedMax) this.#pause();
  }

  /** The client has said all it will; it may still read. */
  ended(): void {
    if (this.#ending) return;
    const last = this.#reader.end();
    if (last !== undefined) this.#submit(last);
    this.#ending = true;
  }

  drained(): void {
    this.#outbox.flush();
    this.afterTurn();
  }

  /** Reads on when the backlog is worked off, and says goodbye when all is said. */
  afterTurn(): void {
    if (this.#paused && this.#session.queued < queuedMax / 2) this.#resume();
    if (this.#ending && this.idle) this.#leave();
  }

  /** Takes no further request; what was read is answered. */
  refuseMore(): void {
    this.#ending = true;
    this.#pause();
  }

  closed(): void {
    if (this.#farewell !== null) clearTimeout(this.#farewell);
    this.#outbox.clear();
    this.#dispatcher.drop(this.#session);
  }

  #submit(frame: Frame): void {
    this.#dispatcher.submit(this.#session, this.#read(frame));
  }

  #read(frame: Frame): ReturnType<typeof parseRequest> {
    if (frame === NOT_UTF8) return notUtf8;
    if (frame !== TOO_LONG) return parseRequest(frame, this.#settings.depthMax);
    this.#ending = true;
    return tooLong(this.#settings.requestBytesMax);
  }

  #send(lines: string): void {
    if (this.#outbox.bytes > this.#settings.unreadBytesMax) {
      this.#socket.terminate();
      return;
    }
    this.#outbox.send(lines);
  }

  /** Ends our side at once and the socket soon: closing it while the client still writes would cost it the answer. */
  #leave(): void {
    if (this.#farewell !== null) return;
    this.#socket.shutdown();
    this.#farewell = setTimeout(() => this.#socket.terminate(), farewellMs);
  }

  #pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }
}

const tooLong = (bytesMax: number): BadLine => ({
  id: undefined,
  error: wireError("LINE_TOO_LONG", `a request line may have ${bytesMax} bytes; the connection closes`, {
    limit: "request_bytes_max",
    max: bytesMax,
  }),
});

/** Turns a client away with one clear line. */
export function turnAway(socket: Socket<unknown>, connectionsMax: number): void {
  const message = `the daemon serves ${connectionsMax} connections and all are taken; close one or try again later`;
  const error = wireError("TOO_MANY_CONNECTIONS", message, { limit: "connections_max", max: connectionsMax });
  socket.write(encodeResponse({ error }));
  socket.shutdown();
  setTimeout(() => socket.terminate(), farewellMs);
}
