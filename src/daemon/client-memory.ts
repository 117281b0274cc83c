import { limits } from "../protocol/limits.ts";

/** A client, by what it makes the daemon keep in memory. */
export interface Keeper {
  /** Unfinished and unanswered requests, and answers it has not read. */
  readonly bytes: number;
  /**
   * When it last read something of these answers or, where there are none, sent something; now where it waits for the
   * daemon. On the monotonic clock.
   */
  readonly movedAtMs: number;
  /** Ends the connection at once, and lets go of all that was kept. */
  evict(): void;
}

/** Within this time from when it moved, no client has to go, unless all keep `clientsBurst` times what they may. */
const graceMs = 1_000;

/**
 * What all clients together make the daemon keep, which has one bound. Who keeps more than an equal share of it may have to
 * go: the one first that has not moved for the longest time.
 */
export class ClientMemory {
  readonly #bytesMax: number;
  readonly #keepers = new Set<Keeper>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isSpent(): boolean {
    return this.#bytes > this.#bytesMax;
  }

  /** What a client may keep while all is spent. */
  get share(): number {
    return this.#bytesMax / Math.max(1, this.#keepers.size);
  }

  join(keeper: Keeper): void {
    this.#keepers.add(keeper);
  }

  leave(keeper: Keeper): void {
    this.#keepers.delete(keeper);
  }

  /** A client keeps so much more, or less. */
  count(by: number): void {
    this.#bytes += by;
  }

  /** Ends clients until there is room; in how many milliseconds to look again where somebody may still move, else null. */
  makeRoom(nowMs: number, evicted: (bytes: number, stillForMs: number) => void): number | null {
    while (this.isSpent) {
      const { share } = this;
      const [first] = [...this.#keepers]
        .filter(({ bytes }) => bytes > share)
        .toSorted((a, b) => a.movedAtMs - b.movedAtMs);
      if (first === undefined) return null;
      const stillForMs = nowMs - first.movedAtMs;
      if (stillForMs < graceMs && this.#bytes <= limits.clientsBurst * this.#bytesMax) return graceMs - stillForMs;
      evicted(first.bytes, stillForMs);
      first.evict();
    }
    return null;
  }
}
