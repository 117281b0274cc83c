/**
 * What one request may cost, in steps. A step is the comparison of two characters of patterns; all else is counted as the
 * steps it takes as long as. What is counted is work done, so that few things that cost much are bounded as many that cost
 * little are.
 */
export class WorkBudget {
  #left: number;

  constructor(stepsMax: number) {
    this.#left = stepsMax;
  }

  spend(steps: number): void {
    this.#left -= steps;
  }

  /** Whether more was done than the request may cost: what is still undone must be left. */
  get isSpent(): boolean {
    return this.#left < 0;
  }
}
