/** Choices that a seed repeats: Tommy Ettinger's mulberry32, as 32 bits of state are enough to draw tests from. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** True so often of 1. */
  happens(share: number): boolean {
    return this.next() < share;
  }

  /** One of at least one. */
  of<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("there is nothing to choose from");
    return item;
  }

  /** Choices of their own that do not depend on how many others were made here since. */
  branch(n: number): Chance {
    return new Chance(Math.imul(this.#state ^ (n + 1), 0x9e3779b1));
  }
}
