/**
 * Things in an order of their own: the first is there at once, and any can be put in, moved or taken out in the logarithm
 * of how many there are. Each notes in its field `slot` where it stands, -1 while it is not in.
 */
export class Heap<Slot extends string, T extends Record<Slot, number>> {
  readonly #items: T[] = [];
  readonly #slot: Slot;
  readonly #goesBefore: (a: T, b: T) => boolean;

  constructor(slot: Slot, goesBefore: (a: T, b: T) => boolean) {
    this.#slot = slot;
    this.#goesBefore = goesBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  /** Puts it in, or moves it to where it belongs by now. */
  put(item: T): void {
    if (item[this.#slot] < 0) this.#seat(item, this.#items.length);
    this.#settle(item);
  }

  /** Takes it out, if it is in. */
  remove(item: T): void {
    const at = item[this.#slot];
    if (at < 0) return;
    const last = this.#items.pop();
    this.#seat(item, -1);
    if (last === undefined || last === item) return;
    this.#seat(last, at);
    this.#settle(last);
  }

  /** All that come before others for which `holds` is false, in no order. `holds` must be false behind the first such. */
  *upTo(holds: (item: T) => boolean): Generator<T, void> {
    const places = [0];
    for (let at = places.pop(); at !== undefined; at = places.pop()) {
      const item = this.#items[at];
      if (item === undefined || !holds(item)) continue;
      yield item;
      places.push(2 * at + 1, 2 * at + 2);
    }
  }

  /** The first of them in their order, at most so many: what it costs follows from these, not from how many there are. */
  firstUpTo(limit: number, holds: (item: T) => boolean): T[] {
    const found: T[] = [];
    // Where the next may stand, in the order of what stands there.
    const places = [0];
    for (let at = places.shift(); at !== undefined && found.length < limit; at = places.shift()) {
      const item = this.#items[at];
      if (item === undefined || !holds(item)) continue;
      found.push(item);
      for (const below of [2 * at + 1, 2 * at + 2]) {
        const other = this.#items[below];
        if (other === undefined) continue;
        const before = places.findIndex((place) => this.#isBefore(other, this.#items[place]));
        places.splice(before === -1 ? places.length : before, 0, below);
      }
    }
    return found;
  }

  #isBefore(item: T, other: T | undefined): boolean {
    return other !== undefined && this.#goesBefore(item, other);
  }

  #settle(item: T): void {
    if (!this.#rise(item)) this.#sink(item);
  }

  #rise(item: T): boolean {
    const from = item[this.#slot];
    let at: number = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = this.#items[above];
      if (other === undefined || !this.#goesBefore(item, other)) break;
      this.#seat(other, at);
      at = above;
    }
    if (at !== from) this.#seat(item, at);
    return at !== from;
  }

  #sink(item: T): void {
    let at: number = item[this.#slot];
    for (;;) {
      const below = this.#firstBelow(at);
      if (below === undefined || !this.#goesBefore(below, item)) break;
      const to = below[this.#slot];
      this.#seat(below, at);
      at = to;
    }
    this.#seat(item, at);
  }

  #firstBelow(at: number): T | undefined {
    const left = this.#items[2 * at + 1];
    const right = this.#items[2 * at + 2];
    return left !== undefined && right !== undefined && this.#goesBefore(right, left) ? right : left;
  }

  #seat(item: T, at: number): void {
    note(item, this.#slot, at);
    if (at >= 0) this.#items[at] = item;
  }
}

function note<Slot extends string>(item: Record<Slot, number>, slot: Slot, at: number): void {
  item[slot] = at;
}
