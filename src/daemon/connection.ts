import type { Socket } from "bun";
import { type BadLine, encodeResponse, notUtf8, parseRequest, type Request } from "../protocol/envelope.ts";
import { failedInside, type WireError, wireError } from "../protocol/errors.ts";
import { type Frame, LineReader, NOT_UTF8, TOO_LONG } from "../protocol/framing.ts";
import type { Settings } from "../protocol/settings.ts";
import type { Dispatcher } from "../service/turn/dispatcher.ts";
import { type Named, namedBy } from "../service/request-words.ts";
import type { Session } from "../service/turn/sessions.ts";
import { fdOf, isHungUp } from "../native/libc.ts";
import type { KeyPlaces } from "./key-places.ts";
import type { Log } from "./log.ts";
import { Outbox } from "./outbox.ts";

/** Requests of one client that are under way at once. */
const underWayMax = 32;

/** How long a client may take nothing of more unread answers than its share. */
const stalledMs = 5_000;

/** How long a client that was told to go may still take to read that. */
const farewellMs = 2_000;

/** What a client's requests go to. */
export interface Surroundings {
  dispatcher: Dispatcher;
  places: Pick<KeyPlaces, "isNew" | "lookUp">;
  settings: Settings;
  log: Pick<Log, "error">;
  /** Called when the dispatcher has something to do. */
  submitted: () => void;
}

/**
 * One client's socket: bytes in, request lines to the dispatcher, answer lines out.
 *
 * A client may send as much as it likes at once. What it sends beyond a share waits in its own socket until earlier
 * answers have been sent and read, so it costs the daemon no memory, and no one else's time.
 */
export class Connection {
  readonly #socket: Socket<unknown>;
  readonly #dispatcher: Dispatcher;
  readonly #settings: Settings;
  readonly #log: Pick<Log, "error">;
  readonly #submitted: () => void;
  readonly #places: Surroundings["places"];
  readonly #reader: LineReader;
  readonly #outbox: Outbox;
  readonly #session: Session;
  /** What was read and is not under way; it starts at `#next`. */
  #waiting: Frame[] = [];
  #next = 0;
  /** A request whose keys are being looked up, until that is of no use any more; those after it wait. */
  #lookedUp: { request: Request; gone: AbortController } | null = null;
  /** No further request is read: the client has ended its side, or broke the framing. */
  #ending = false;
  #paused = false;
  #stalled: ReturnType<typeof setTimeout> | null = null;
  #farewell: ReturnType<typeof setTimeout> | null = null;

  constructor(socket: Socket<unknown>, { dispatcher, places, settings, log, submitted }: Surroundings) {
    this.#socket = socket;
    this.#dispatcher = dispatcher;
    this.#places = places;
    this.#settings = settings;
    this.#log = log;
    this.#submitted = submitted;
    this.#reader = new LineReader(settings.requestBytesMax);
    this.#outbox = new Outbox(socket);
    this.#session = dispatcher.open({
      send: (lines) => this.#outbox.send(lines),
      unread: () => this.#outbox.bytes,
      gone: () => isHungUp(fdOf(socket)),
    });
  }

  /** Whether everything asked was answered and taken. */
  get idle(): boolean {
    return !this.#waits && this.#lookedUp === null && this.#session.unanswered === 0 && this.#outbox.bytes === 0;
  }

  received(chunk: Uint8Array): void {
    if (this.#ending) return;
    this.#read(this.#reader.push(chunk));
  }

  /** The client has said all it will; it may still read. */
  ended(): void {
    if (this.#ending) return;
    const last = this.#reader.end();
    this.#ending = true;
    this.#read(last === undefined ? [] : [last]);
    this.afterTurn();
  }

  drained(): void {
    const unread = this.#outbox.bytes;
    this.#outbox.flush();
    if (this.#outbox.bytes < unread) this.#forgive();
    this.#dispatcher.resume(this.#session);
    this.#submitted();
    this.afterTurn();
  }

  /** Goes on with what waits, notices a client that reads nothing, and says goodbye when all is said. */
  afterTurn(): void {
    this.#admit();
    if (this.#overfull) this.#stalled ??= setTimeout(() => this.#socket.terminate(), stalledMs);
    if (this.#ending && this.idle) this.#leave();
  }

  /** Takes no further request; what was read is answered. */
  refuseMore(): void {
    this.#ending = true;
    this.#pause();
    const request = this.#leaveLookup();
    if (request !== null) this.#dispatcher.submit(this.#session, request);
    while (this.#waits) this.#dispatcher.submit(this.#session, this.#nextRequest());
    this.#submitted();
  }

  closed(): void {
    this.#forgive();
    if (this.#farewell !== null) clearTimeout(this.#farewell);
    this.#outbox.clear();
    this.#leaveLookup();
    if (this.#dispatcher.drop(this.#session)) this.#submitted();
  }

  get #waits(): boolean {
    return this.#next < this.#waiting.length;
  }

  get #overfull(): boolean {
    return this.#outbox.bytes > this.#settings.unreadBytesMax;
  }

  #read(frames: Frame[]): void {
    if (frames.includes(TOO_LONG)) this.#ending = true;
    this.#waiting = this.#waits ? [...this.#waiting.slice(this.#next), ...frames] : frames;
    this.#next = 0;
    this.#admit();
  }

  /** Puts as much under way as the client's share allows, and reads its socket on only when nothing is left over. */
  #admit(): void {
    while (this.#waits && this.#lookedUp === null && this.#session.unanswered < underWayMax && !this.#overfull)
      this.#submit();
    if (this.#waits) this.#pause();
    else if (this.#paused && !this.#ending) this.#resume();
  }

  #submit(): void {
    const request = this.#nextRequest();
    if (!("error" in request)) {
      const named = namedBy(request, (scope) => this.#places.isNew(scope));
      if (named !== null) {
        void this.#lookUp(request, named);
        return;
      }
    }
    this.#dispatcher.submit(this.#session, request);
    this.#submitted();
  }

  /** Submits a request once it is known what its keys stand for. */
  async #lookUp(request: Request, named: Named): Promise<void> {
    const gone = new AbortController();
    const lookup = { request, gone };
    this.#lookedUp = lookup;
    const placed = await this.#place(request, named, gone.signal);
    // The client may be gone, or the daemon stopping.
    if (this.#lookedUp !== lookup) return;
    this.#lookedUp = null;
    this.#dispatcher.submit(this.#session, placed);
    this.#submitted();
    this.#admit();
  }

  /** A bug refuses the request that met it, as it would in its turn. */
  async #place(request: Request, named: Named, gone: AbortSignal): Promise<Request | BadLine> {
    try {
      return { ...request, placements: await this.#places.lookUp(named, gone) };
    } catch (error) {
      this.#log.error(`looking up the keys of ${request.method} failed:`, error);
      return { id: request.id, error: wireError("INTERNAL", failedInside) };
    }
  }

  /** Ends a lookup: its request, which nobody has submitted. */
  #leaveLookup(): Request | null {
    const lookup = this.#lookedUp;
    this.#lookedUp = null;
    lookup?.gone.abort();
    return lookup?.request ?? null;
  }

  #nextRequest(): Request | BadLine {
    const frame = this.#waiting[this.#next++];
    if (frame === undefined) throw new Error("nothing waits");
    if (frame === NOT_UTF8) return notUtf8;
    if (frame === TOO_LONG) return tooLong(this.#settings.requestBytesMax);
    return parseRequest(frame, this.#settings.depthMax);
  }

  #forgive(): void {
    if (this.#stalled !== null) clearTimeout(this.#stalled);
    this.#stalled = null;
  }

  /** Ends our side at once and the socket soon: closing it while the client still writes would cost it the answer. */
  #leave(): void {
    if (this.#farewell !== null) return;
    if (this.#paused) this.#resume();
    this.#socket.shutdown();
    this.#farewell = setTimeout(() => this.#socket.terminate(), farewellMs);
  }

  #pause(): void {
    if (!this.#paused) this.#socket.pause();
    this.#paused = true;
  }

  #resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }
}

const tooLong = (bytesMax: number): BadLine => ({
  id: undefined,
  error: wireError("LINE_TOO_LONG", `a request line may have at most ${bytesMax} bytes; the connection is closed`, {
    limit: "request_bytes_max",
    max: bytesMax,
  }),
});

/** Turns a client away with one clear line. */
export function turnAway(socket: Socket<unknown>, error: WireError): void {
  socket.write(encodeResponse({ error }));
  socket.shutdown();
  setTimeout(() => socket.terminate(), farewellMs);
}
