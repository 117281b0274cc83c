/**
 * What one request may cost, in steps. A step is the comparison of two characters of patterns; all else is counted as the
 * steps it takes as long as. What is counted is work done, so that few things that cost much are bounded as many that cost
 * little are.
 */
export class WorkBudget {
  readonly #stepsMax: number;
  #left: number;

  constructor(stepsMax: number) {
    this.#stepsMax = stepsMax;
    this.#left = stepsMax;
  }

  /** For the next request. */
  renew(): void {
    this.#left = this.#stepsMax;
  }

  /** Whether nothing was done yet. */
  get isWhole(): boolean {
    return this.#left === this.#stepsMax;
  }

  spend(steps: number): void {
    this.#left -= steps;
  }

  /** Whether more was done than the request may cost: what is still undone must be left. */
  get isSpent(): boolean {
    return this.#left < 0;
  }
}
