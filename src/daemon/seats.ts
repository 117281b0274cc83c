/** Where a question to the file system leads: those of one group may hang together. */
type Groups = ReadonlySet<string>;

interface Waiter {
  groups: Groups;
  seated: () => void;
}

/**
 * How many questions may be under way at once: in all, and in each group they are of, so that those that are never answered
 * keep few others waiting. A question keeps its seat until it is answered, as it keeps the thread that asks.
 */
export class Seats {
  readonly #most: number;
  readonly #mostOfGroup: number;
  readonly #taken = new Map<string, number>();
  readonly #waiting = new Set<Waiter>();
  #total = 0;

  constructor(most: number, mostOfGroup: number) {
    this.#most = most;
    this.#mostOfGroup = mostOfGroup;
  }

  /** Does the work as soon as there is a seat for it, first come, first served; not at all once it is given up. */
  async run(groups: Groups, giveUp: AbortSignal, work: () => Promise<void>): Promise<void> {
    if (giveUp.aborted) return;
    if (this.#hasRoom(groups)) this.#count(groups, 1);
    else if (!(await this.#wait(groups, giveUp))) return;
    try {
      await work();
    } finally {
      this.#count(groups, -1);
      this.#seatWaiting();
    }
  }

  #hasRoom(groups: Groups): boolean {
    return this.#total < this.#most && [...groups].every((group) => (this.#taken.get(group) ?? 0) < this.#mostOfGroup);
  }

  #count(groups: Groups, by: 1 | -1): void {
    this.#total += by;
    for (const group of groups) {
      const taken = (this.#taken.get(group) ?? 0) + by;
      if (taken === 0) this.#taken.delete(group);
      else this.#taken.set(group, taken);
    }
  }

  /** Whether there was a seat before it was given up. */
  async #wait(groups: Groups, giveUp: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiter = { groups, seated: () => resolve(true) };
    const leave = () => {
      if (this.#waiting.delete(waiter)) resolve(false);
    };
    this.#waiting.add(waiter);
    giveUp.addEventListener("abort", leave, { once: true });
    return promise;
  }

  #seatWaiting(): void {
    for (const waiter of this.#waiting) {
      if (!this.#hasRoom(waiter.groups)) continue;
      this.#waiting.delete(waiter);
      this.#count(waiter.groups, 1);
      waiter.seated();
    }
  }
}
