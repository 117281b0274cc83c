import type { Reads } from "../store/reads.ts";
import type { Store } from "../store/store.ts";

/** What goes through the whole journal in many turns, of each store: one at a time, the first goes on. */
const walks = new WeakMap<Store, Set<object>>();

/** A place in that line. */
export interface Place {
  readonly isFirst: boolean;
  leave(): void;
}

export function queueUp(store: Store): Place {
  const line = walks.get(store) ?? new Set();
  walks.set(store, line);
  const place = {
    get isFirst() {
      return line.values().next().value === place;
    },
    leave() {
      line.delete(place);
    },
  };
  line.add(place);
  return place;
}

/** Whether something leaves the database: what is half there is not compared with anything, nor copied. */
export function isLeaving({ pruning }: Reads): boolean {
  const stage = pruning.current()?.stage;
  return stage === "rows" || stage === "nodes";
}
