import { Database } from "bun:sqlite";

type Row = Record<string, unknown>;
type Ask = (...given: unknown[]) => unknown;

/** Counts the characters, and rows, that statements give out: those prepared while it lives. */
export class CharactersRead implements Disposable {
  chars = 0;
  rows = 0;
  readonly #prepare = Object.getOwnPropertyDescriptor(Database.prototype, "prepare");

  constructor() {
    const prepare = this.#prepare?.value as Ask;
    const watch = this.#watch.bind(this);
    Object.defineProperty(Database.prototype, "prepare", {
      ...this.#prepare,
      value(this: unknown, ...given: unknown[]) {
        return watch(prepare.apply(this, given) as Record<"get" | "all" | "iterate", Ask>);
      },
    });
  }

  /** What was read since the last time. */
  take(): { chars: number; rows: number } {
    const { chars, rows } = this;
    this.chars = 0;
    this.rows = 0;
    return { chars, rows };
  }

  [Symbol.dispose](): void {
    if (this.#prepare !== undefined) Object.defineProperty(Database.prototype, "prepare", this.#prepare);
  }

  #watch<Asked extends Record<"get" | "all" | "iterate", Ask>>(statement: Asked): Asked {
    const { get, all, iterate } = statement;
    return Object.assign(statement, {
      get: (...given: unknown[]) => this.#seen(get.apply(statement, given)),
      all: (...given: unknown[]) => (all.apply(statement, given) as unknown[]).map((row) => this.#seen(row)),
      iterate: (...given: unknown[]) =>
        Iterator.from(iterate.apply(statement, given) as Iterable<unknown>).map((row) => this.#seen(row)),
    });
  }

  #seen(row: unknown): unknown {
    if (typeof row !== "object" || row === null) return row;
    this.rows++;
    for (const value of Object.values(row as Row)) this.chars += typeof value === "string" ? value.length : 0;
    return row;
  }
}
