/** Things under a name that several may have. */
export class Groups<T> {
  readonly #groups = new Map<string, Set<T>>();

  add(name: string, item: T): void {
    const group = this.#groups.get(name);
    if (group === undefined) this.#groups.set(name, new Set([item]));
    else group.add(item);
  }

  remove(name: string, item: T): void {
    const group = this.#groups.get(name);
    group?.delete(item);
    if (group?.size === 0) this.#groups.delete(name);
  }

  of(name: string): ReadonlySet<T> {
    return this.#groups.get(name) ?? nothing;
  }

  /** Names that something has. */
  get names(): ReadonlySet<string> {
    return new Set(this.#groups.keys());
  }

  get all(): T[] {
    return [...this.#groups.values()].flatMap((group) => [...group]);
  }
}

const nothing: ReadonlySet<never> = new Set();
