/** What runs in turns: `turn` is true when the next should follow at once, `msUntilTurn` null when none is needed. */
interface Turning {
  turn(): boolean;
  msUntilTurn(): number | null;
}

/**
 * Decides when the next turn runs: after all sockets that are ready now were read, or when something falls due. With
 * nothing to do and nothing due there is no timer, and the process sleeps.
 */
export class Ticker {
  readonly #turning: Turning;
  readonly #afterTurn: () => void;
  #soon: ReturnType<typeof setImmediate> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(turning: Turning, afterTurn: () => void) {
    this.#turning = turning;
    this.#afterTurn = afterTurn;
  }

  /** Asks for a turn once everything that can be read now has been. */
  request(): void {
    this.#soon ??= setImmediate(() => this.#run());
  }

  stop(): void {
    if (this.#soon !== null) clearImmediate(this.#soon);
    this.#disarm();
  }

  #run(): void {
    this.#soon = null;
    const more = this.#turning.turn();
    this.#afterTurn();
    if (more) this.request();
    else this.#arm();
  }

  #arm(): void {
    const ms = this.#turning.msUntilTurn();
    if (ms === null) return this.#disarm();
    const atMs = performance.now() + ms;
    // A timer that fires too early only asks again, so it is moved forward alone.
    if (this.#timer !== null && this.#timerAtMs <= atMs) return;
    this.#disarm();
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      // One look at the sockets later: what a stopped process finds in them comes before what falls due.
      this.#soon ??= setImmediate(() => {
        this.#soon = null;
        this.request();
      });
    }, ms);
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
