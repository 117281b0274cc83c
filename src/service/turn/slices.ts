/** How long, and over how many characters read from the store, the slices of all requests may go on at once. */
const slicesMicrosMax = 10_000;
const slicesCharsMax = 2 << 20;
/** What a row costs beside its characters, in characters that take as long. */
const rowChars = 1_000;

/**
 * What the requests of a turn may do together of work that can go on in the next: many clients that ask for a lot at once
 * hold others up no longer than one does. Requests that arrive and those that wait have as much each, so that neither
 * keep the others from going on.
 */
export class Slices {
  readonly #monotonicMicros: () => number;
  #micros = 0;
  #chars = 0;

  constructor(monotonicMicros: () => number) {
    this.#monotonicMicros = monotonicMicros;
  }

  /** Counts rows that were read from the store, with their characters. */
  spend(rows: number, chars: number): void {
    this.#chars += rows * rowChars + chars;
  }

  /** Whether what is still undone must be left to the next turn. */
  get areSpent(): boolean {
    return this.#micros >= slicesMicrosMax || this.#chars >= slicesCharsMax;
  }

  /** Does piece after piece while there is room for them. False when some are left, true when one said it was the last. */
  goOn(piece: () => "more" | "done"): boolean {
    const since = this.#monotonicMicros() - this.#micros;
    while (!this.areSpent) {
      if (piece() === "done") return true;
      this.#micros = this.#monotonicMicros() - since;
    }
    return false;
  }

  renew(): void {
    this.#micros = 0;
    this.#chars = 0;
  }
}
