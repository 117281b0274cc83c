/**
 * Things in an order that is theirs for good, each in its place: found in the logarithm of how many there are. Those
 * behind one that comes or goes are moved in one piece, which takes less than a write to the disk however many they are.
 */
export class SortedList<T> {
  #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  put(item: T): void {
    this.#items.splice(
      this.#firstNot((other) => this.#compare(other, item) < 0),
      0,
      item,
    );
  }

  /** The same for many at once. */
  putAll(items: readonly T[]): void {
    this.#items = [...this.#items, ...items].toSorted(this.#compare);
  }

  /** Takes out what stands in its place. */
  remove(item: T): void {
    const at = this.#firstNot((other) => this.#compare(other, item) < 0);
    if (this.#items[at] === item) this.#items.splice(at, 1);
  }

  /** From the first that does not go before: each when it is asked for, whatever comes and goes meanwhile. */
  *from(goesBefore: (item: T) => boolean): Generator<T, void> {
    let at = this.#firstNot(goesBefore);
    for (let item = this.#items[at]; item !== undefined; item = this.#items[at]) {
      const given = item;
      yield given;
      at = this.#items[at] === given ? at + 1 : this.#firstNot((other) => this.#compare(other, given) <= 0);
    }
  }

  /** Where those end that go before, which all stand before the others. */
  #firstNot(goesBefore: (item: T) => boolean): number {
    let [from, to] = [0, this.#items.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const item = this.#items[middle];
      if (item !== undefined && goesBefore(item)) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
