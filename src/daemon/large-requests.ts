/** A request up to this size is taken at once: reading it takes no time to speak of. */
const smallBytesMax = 16 << 10;

/** Of larger ones so much is taken between two turns, or one: reading a mebibyte takes some thirty milliseconds. */
const largeBytesMax = 1 << 20;

/**
 * Who may take up a large request before the next turn: first come, first served, so that many clients with large requests
 * at once cost nobody else more than the reading of one.
 */
export class LargeRequests<Client> {
  readonly #line = new Set<Client>();
  #taken = 0;

  /** Those whose large request waits, first come first. */
  get line(): readonly Client[] {
    return [...this.#line];
  }

  get isWaitedFor(): boolean {
    return this.#line.size > 0;
  }

  /** Whether a client may take up its next request now; else it is in line. */
  take(client: Client, bytes: number): boolean {
    if (bytes <= smallBytesMax) return true;
    const [first = client] = this.#line;
    const fits = this.#taken === 0 || this.#taken + bytes <= largeBytesMax;
    if (first !== client || !fits) {
      this.#line.add(client);
      return false;
    }
    this.#line.delete(client);
    this.#taken += bytes;
    return true;
  }

  /** Nothing large of the client waits any more, or it waits for something else. */
  leave(client: Client): void {
    this.#line.delete(client);
  }

  /** From now on further large ones may be taken up. */
  turnEnded(): void {
    this.#taken = 0;
  }
}
