import type { Socket } from "bun";
import { type BadLine, encodeResponse, type Request } from "../protocol/envelope.ts";
import { failedInside, type WireError, wireError } from "../protocol/errors.ts";
import type { Settings } from "../protocol/settings.ts";
import type { Dispatcher } from "../service/turn/dispatcher.ts";
import { type Named, namedBy } from "../service/locks/request-words.ts";
import type { Session } from "../service/turn/sessions.ts";
import { fdOf, isHungUp } from "../native/libc.ts";
import type { ClientMemory, Keeper } from "./client-memory.ts";
import { Inbox } from "./inbox.ts";
import type { KeyPlaces } from "./key-places.ts";
import type { LargeRequests } from "./large-requests.ts";
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
  memory: ClientMemory;
  large: LargeRequests<Connection>;
  /** Called when the dispatcher has something to do. */
  submitted: () => void;
}

/**
 * One client's socket: bytes in, request lines to the dispatcher, answer lines out.
 *
 * A client may send as much as it likes at once. What it sends beyond a share waits in its own socket until earlier
 * answers have been sent and read, so it costs the daemon no memory, and no one else's time.
 */
export class Connection implements Keeper {
  readonly #socket: Socket<unknown>;
  readonly #dispatcher: Dispatcher;
  readonly #settings: Settings;
  readonly #log: Pick<Log, "error">;
  readonly #submitted: () => void;
  readonly #places: Surroundings["places"];
  readonly #memory: ClientMemory;
  readonly #large: LargeRequests<Connection>;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #session: Session;
  /** A request whose keys are being looked up, until that is of no use any more; those after it wait. */
  #lookedUp: { request: Request; bytes: number; gone: AbortController } | null = null;
  /** What of all this the daemon has counted. */
  #counted = 0;
  #movedAtMs = performance.now();
  /** No further request is read: the client has ended its side, or broke the framing. */
  #ending = false;
  #paused = false;
  #isOver = false;
  #stalled: ReturnType<typeof setTimeout> | null = null;
  #farewell: ReturnType<typeof setTimeout> | null = null;

  constructor(socket: Socket<unknown>, { memory, large, ...around }: Surroundings) {
    const { dispatcher, places, settings, log, submitted } = around;
    this.#socket = socket;
    this.#dispatcher = dispatcher;
    this.#places = places;
    this.#settings = settings;
    this.#log = log;
    this.#submitted = submitted;
    this.#memory = memory;
    this.#large = large;
    this.#inbox = new Inbox(settings);
    this.#outbox = new Outbox(socket);
    this.#session = dispatcher.connect({
      send: (lines) => this.#outbox.send(lines),
      unread: () => this.#outbox.bytes,
      unreadMax: () => this.#unreadMax,
      gone: () => isHungUp(fdOf(socket)),
    });
    memory.join(this);
  }

  get bytes(): number {
    return this.#inbox.bytes + (this.#lookedUp?.bytes ?? 0) + this.#session.bytes + this.#outbox.bytes;
  }

  get movedAtMs(): number {
    const waitsForUs = this.#mayGoOn || this.#lookedUp !== null || (this.#session.queued > 0 && !this.#overfull);
    return waitsForUs ? performance.now() : this.#movedAtMs;
  }

  /** Whether everything asked was answered and taken. */
  get idle(): boolean {
    return !this.#inbox.waits && this.#lookedUp === null && this.#session.unanswered === 0 && this.#outbox.bytes === 0;
  }

  received(chunk: Uint8Array): void {
    if (this.#ending) return;
    if (this.#outbox.bytes === 0) this.#movedAtMs = performance.now();
    this.#inbox.push(chunk);
    this.#ending = this.#inbox.isBroken;
    this.#admit();
    this.#count();
    // The end of the next turn makes room.
    if (this.#memory.isSpent) this.#submitted();
  }

  /** The client has said all it will; it may still read. */
  ended(): void {
    if (this.#ending) return;
    this.#inbox.end();
    this.#ending = true;
    this.afterTurn();
  }

  drained(): void {
    const unread = this.#outbox.bytes;
    this.#outbox.flush();
    if (this.#outbox.bytes < unread) {
      this.#movedAtMs = performance.now();
      this.#forgive();
    }
    this.#dispatcher.resume(this.#session);
    this.#submitted();
    this.afterTurn();
  }

  /** Goes on with what waits, notices a client that reads nothing, and says goodbye when all is said. */
  afterTurn(): void {
    this.#admit();
    if (this.#overfull) this.#stalled ??= setTimeout(() => this.#socket.terminate(), stalledMs);
    if (this.#ending && this.idle) this.#leave();
    this.#count();
  }

  evict(): void {
    this.#socket.terminate();
    this.closed();
  }

  /** Takes no further request; what was read is answered. */
  refuseMore(): void {
    this.#ending = true;
    this.#pause();
    const lookup = this.#leaveLookup();
    if (lookup !== null) this.#dispatcher.submit(this.#session, lookup.request, lookup.bytes);
    while (this.#inbox.waits) this.#dispatcher.submit(this.#session, ...this.#inbox.take());
    this.#submitted();
  }

  /** The connection is over; said once or more. */
  closed(): void {
    this.#forgive();
    if (this.#farewell !== null) clearTimeout(this.#farewell);
    this.#isOver = true;
    this.#memory.leave(this);
    this.#memory.count(-this.#counted);
    this.#counted = 0;
    this.#outbox.clear();
    this.#inbox.clear();
    this.#large.leave(this);
    this.#leaveLookup();
    // Others may go on now.
    if (this.#dispatcher.drop(this.#session) || this.#large.isWaitedFor) this.#submitted();
  }

  get #overfull(): boolean {
    return this.#outbox.bytes > this.#unreadMax;
  }

  /** How much it may leave unread: while all clients together keep too much, no more than an equal share. */
  get #unreadMax(): number {
    const { unreadBytesMax: most } = this.#settings;
    return this.#memory.isSpent ? Math.min(most, this.#memory.share) : most;
  }

  #count(): void {
    if (this.#isOver) return;
    const { bytes } = this;
    this.#memory.count(bytes - this.#counted);
    this.#counted = bytes;
  }

  /** Puts as much under way as the client's share allows, and reads its socket on only when nothing is left over. */
  #admit(): void {
    while (this.#mayGoOn && this.#large.take(this, this.#inbox.nextBytes)) this.#submit();
    if (!this.#mayGoOn) this.#large.leave(this);
    if (this.#inbox.waits) this.#pause();
    else if (this.#paused && !this.#ending) this.#resume();
  }

  get #mayGoOn(): boolean {
    return this.#inbox.waits && this.#lookedUp === null && this.#session.unanswered < underWayMax && !this.#overfull;
  }

  #submit(): void {
    const [request, bytes] = this.#inbox.take();
    if (!("error" in request)) {
      const named = namedBy(request, (scope) => this.#places.isNew(scope), this.#settings);
      if (named !== null) {
        void this.#lookUp(request, named, bytes);
        return;
      }
    }
    this.#dispatcher.submit(this.#session, request, bytes);
    this.#submitted();
  }

  /** Submits a request once it is known what its keys stand for. */
  async #lookUp(request: Request, named: Named, bytes: number): Promise<void> {
    const gone = new AbortController();
    const lookup = { request, bytes, gone };
    this.#lookedUp = lookup;
    const placed = await this.#place(request, named, gone.signal);
    // The client may be gone, or the daemon stopping.
    if (this.#lookedUp !== lookup) return;
    this.#lookedUp = null;
    this.#dispatcher.submit(this.#session, placed, bytes);
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
  #leaveLookup(): { request: Request; bytes: number } | null {
    const lookup = this.#lookedUp;
    this.#lookedUp = null;
    lookup?.gone.abort();
    return lookup;
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

/** Turns a client away with one clear line. */
export function turnAway(socket: Socket<unknown>, error: WireError): void {
  socket.write(encodeResponse({ error }));
  socket.shutdown();
  setTimeout(() => socket.terminate(), farewellMs);
}
