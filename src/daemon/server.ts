import { statSync } from "node:fs";
import type { Socket } from "bun";
import type { Request } from "../protocol/envelope.ts";
import { type WireError, wireError } from "../protocol/errors.ts";
import type { Settings } from "../protocol/settings.ts";
import type { Dispatcher } from "../service/turn/dispatcher.ts";
import { ClientMemory } from "./client-memory.ts";
import { Collector } from "./collector.ts";
import { Connection, turnAway } from "./connection.ts";
import { fdOf, peerUid } from "../native/libc.ts";
import type { KeyPlaces } from "./key-places.ts";
import { LargeRequests } from "./large-requests.ts";
import type { Log } from "./log.ts";
import { Ticker } from "./ticker.ts";

type Client = Socket<{ connection: Connection | null }>;

/** The Unix socket and the clients on it. */
export class Server {
  readonly #dispatcher: Dispatcher;
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #ticker: Ticker;
  readonly #places: KeyPlaces;
  readonly #memory: ClientMemory;
  readonly #large = new LargeRequests<Connection>();
  readonly #connections = new Set<Connection>();
  /** Looks again whether somebody must go so that there is room for the others. */
  #roomMaking: ReturnType<typeof setTimeout> | null = null;
  readonly #collector = new Collector(() => Bun.gc(true));
  #listener: { stop(closeActive?: boolean): void } | null = null;
  /** No further client is served. */
  #stopping = false;
  /** No further request is read. */
  #draining = false;

  constructor(dispatcher: Dispatcher, places: KeyPlaces, settings: Settings, log: Log) {
    this.#dispatcher = dispatcher;
    this.#places = places;
    this.#settings = settings;
    this.#log = log;
    this.#memory = new ClientMemory(settings.clientsBytesMax);
    this.#ticker = new Ticker(dispatcher, () => this.#afterTurn());
  }

  /** Binds the socket with its mode from the first moment on. The path must be free. */
  listen(path: string): void {
    const umask = process.umask(0o777 & ~this.#settings.socketMode);
    try {
      this.#listener = Bun.listen<{ connection: Connection | null }>({
        unix: path,
        allowHalfOpen: true,
        socket: {
          open: (socket) => this.#open(socket),
          data: (socket, chunk) => socket.data.connection?.received(chunk),
          end: (socket) => this.#end(socket),
          drain: (socket) => socket.data.connection?.drained(),
          close: (socket) => this.#close(socket),
          error: (socket, error) => {
            this.#log.warn("connection failed:", error.message);
            socket.terminate();
          },
        },
      });
    } finally {
      process.umask(umask);
    }
    const mode = statSync(path).mode & 0o777;
    if (mode !== this.#settings.socketMode)
      throw new Error(`the socket ${path} was created with mode ${mode.toString(8)}`);
    this.#ticker.request();
  }

  /** Asks as a client does, without a connection. */
  ask(request: Request, answered: (line: string) => void): void {
    const session = this.#dispatcher.connect({
      send: answered,
      unread: () => 0,
      unreadMax: () => this.#settings.unreadBytesMax,
      gone: () => false,
    });
    this.#dispatcher.submit(session, request);
    this.#requestTurn();
  }

  /** What a request waits for outside of the daemon has come. */
  wake(): void {
    this.#requestTurn();
  }

  /** Takes no new request, answers what was read, and waits for clients to take it, `msMax` at the most. */
  async drain(msMax: number): Promise<void> {
    this.#stopping = true;
    // What lies in the sockets now was sent before the end, and is read first.
    await Bun.sleep(1);
    this.#draining = true;
    this.#ticker.stop();
    for (const connection of this.#connections) connection.refuseMore();
    this.#dispatcher.drain();
    const deadline = performance.now() + msMax;
    while ([...this.#connections].some(({ idle }) => !idle) && performance.now() < deadline) await Bun.sleep(5);
  }

  /** Unlinks the socket's path, whoever made it: call it only while the path is known to be ours. */
  unlink(): void {
    this.#listener?.stop(true);
  }

  #open(socket: Client): void {
    socket.data = { connection: null };
    const uid = peerUid(fdOf(socket));
    // In group mode the file system has let the peer in, by the socket's mode and its directory's.
    const known = this.#settings.socketMode === 0o660 ? uid !== null : uid === process.geteuid?.();
    if (!known) {
      this.#log.warn(`refused a connection of user ${uid ?? "unknown"}`);
      socket.terminate();
      return;
    }
    const refusal = this.#refusal();
    if (refusal !== null) {
      turnAway(socket, refusal);
    } else {
      const connection = new Connection(socket, {
        dispatcher: this.#dispatcher,
        places: this.#places,
        settings: this.#settings,
        log: this.#log,
        memory: this.#memory,
        large: this.#large,
        submitted: () => this.#requestTurn(),
      });
      this.#connections.add(connection);
      socket.data.connection = connection;
    }
  }

  /** Why no further client is served now. */
  #refusal(): WireError | null {
    const { connectionsMax: max } = this.#settings;
    if (this.#stopping) {
      return wireError("SHUTTING_DOWN", "the daemon is stopping and accepts no more connections; try again later");
    }
    if (this.#connections.size < max) return null;
    const message = `all ${max} connections of the daemon are taken; close one or try again later`;
    return wireError("TOO_MANY_CONNECTIONS", message, { limit: "connections_max", max });
  }

  /** Large requests that wait come first, so that they are taken up in the order in which they came. */
  #afterTurn(): void {
    this.#large.turnEnded();
    for (const connection of this.#large.line) connection.afterTurn();
    for (const connection of this.#connections) connection.afterTurn();
    this.#makeRoom();
  }

  #makeRoom(): void {
    const againMs = this.#roomMaking === null ? this.#memory.makeRoom(performance.now(), this.#tellOfEnd) : null;
    if (againMs !== null) {
      this.#roomMaking = setTimeout(() => {
        this.#roomMaking = null;
        this.#makeRoom();
      }, againMs);
    }
    this.#observe();
  }

  #tellOfEnd = (bytes: number, stillForMs: number): void => {
    const why = `all clients together kept more than ${this.#settings.clientsBytesMax}`;
    const what = `for which ${bytes} bytes were kept and that had not moved for ${Math.round(stillForMs)} ms`;
    this.#log.warn(`closed a connection ${what}: ${why}`);
  };

  #observe(): void {
    this.#collector.observe(this.#memory.bytes + this.#dispatcher.caches.bytes);
  }

  /** Draining runs the last turns itself. */
  #requestTurn(): void {
    if (!this.#draining) this.#ticker.request();
  }

  #end(socket: Client): void {
    const { connection } = socket.data;
    if (connection === null) {
      socket.terminate();
      return;
    }
    connection.ended();
  }

  #close(socket: Client): void {
    const { connection } = socket.data;
    if (connection === null) return;
    socket.data.connection = null;
    this.#connections.delete(connection);
    connection.closed();
    this.#observe();
  }
}
