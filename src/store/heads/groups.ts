/** Things under a name that several may have; where there is one alone, as under most names, no set is made for it. */
export class Groups<T extends object> {
  readonly #groups = new Map<string, T | Set<T>>();

  add(name: string, item: T): void {
    const its = this.#groups.get(name);
    if (its === undefined) this.#groups.set(name, item);
    else if (its instanceof Set) its.add(item);
    else this.#groups.set(name, new Set([its, item]));
  }

  remove(name: string, item: T): void {
    const its = this.#groups.get(name);
    if (its instanceof Set) its.delete(item);
    if (its === item || (its instanceof Set && its.size === 0)) this.#groups.delete(name);
  }

  of(name: string): ReadonlySet<T> {
    const its = this.#groups.get(name);
    if (its === undefined) return nothing;
    return its instanceof Set ? its : new Set([its]);
  }

  /** Names that something has. */
  get names(): ReadonlySet<string> {
    return new Set(this.#groups.keys());
  }

  get all(): T[] {
    return [...this.#groups.keys()].flatMap((name) => [...this.of(name)]);
  }
}

const nothing: ReadonlySet<never> = new Set();
