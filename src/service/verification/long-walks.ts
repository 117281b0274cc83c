import type { Reads } from "../../store/reads.ts";
import type { State } from "../../store/store.ts";

/** What goes through the whole journal in many turns, of each store: one at a time, the first goes on. */
const walks = new WeakMap<State, Set<PlaceInLine>>();

/** A place in that line, which is taken when it first asks for its turn: who never does stands in nobody's way. */
export class PlaceInLine {
  readonly #line: Set<PlaceInLine>;

  constructor(store: State) {
    this.#line = walks.get(store) ?? new Set();
    walks.set(store, this.#line);
  }

  /** Whether it may go on; it stands in line from now on. */
  takeTurn(): boolean {
    this.#line.add(this);
    return this.#isFirst;
  }

  /** Whether it stands in line behind another, and can only wait for that to leave. */
  get isBehind(): boolean {
    return this.#line.has(this) && !this.#isFirst;
  }

  leave(): void {
    this.#line.delete(this);
  }

  get #isFirst(): boolean {
    return this.#line.values().next().value === this;
  }
}

/** Whether something leaves the database: what is half there is not compared with anything, nor copied. */
export function isLeaving({ pruning }: Reads): boolean {
  const stage = pruning.current()?.stage;
  return stage === "rows" || stage === "nodes";
}
