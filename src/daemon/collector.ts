/** Collecting costs a process at rest some milliseconds: for less than this it is not worth it. */
const bytesMin = 16 << 20;

/** After so much was let go of, the process is given this time to come to rest. */
const restMs = 500;

/** Has memory collected that was let go of, which an idle process does not do by itself. */
export class Collector {
  readonly #collect: () => void;
  /** The most that was kept since. */
  #mostBytes = 0;
  #isDue = false;

  constructor(collect: () => void) {
    this.#collect = collect;
  }

  /** So much is kept now. */
  observe(bytes: number): void {
    this.#mostBytes = Math.max(this.#mostBytes, bytes);
    if (this.#isDue || this.#mostBytes - bytes < bytesMin) return;
    this.#mostBytes = bytes;
    this.#isDue = true;
    setTimeout(() => {
      this.#isDue = false;
      this.#collect();
    }, restMs);
  }
}
