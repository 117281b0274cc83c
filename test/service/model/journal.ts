import type { Json } from "../../../src/protocol/json.ts";
import { iso } from "./views.ts";

export interface Row {
  id: Json;
  task_id: Json;
  node_id: Json;
  action_type: string;
  origin: string;
  payload: Json;
  timestamp: string;
}

/** Stands for the id of a roll-back's event until the service shows it. */
export const unseen = "an id not shown yet";

/** Every id the service made, so that none is made twice. */
export class Ids {
  readonly #seen = new Set<string>();

  isNew(id: string): boolean {
    const isNew = !this.#seen.has(id);
    this.#seen.add(id);
    return isNew;
  }
}

export class ModelJournal {
  readonly #rows: Row[] = [];
  readonly #ids: Ids;

  /** What new rows are stamped with. */
  now = 0;

  constructor(ids: Ids) {
    this.#ids = ids;
  }

  get seq(): number {
    return this.#rows.length;
  }

  actionTypes(): string[] {
    return this.#rows.map(({ action_type }) => action_type);
  }

  write(action_type: string, id: Json, task_id: Json, node_id: Json, payload: Json, origin = "daemon"): void {
    this.#rows.push({ id, task_id, node_id, action_type, origin, payload, timestamp: iso(this.now) });
  }

  /** All rows as ListEvents shows them; ids the model cannot know are taken from what was shown. */
  rows(shown: Json | undefined): Json {
    this.#learn(shown);
    return this.#rows.map((row, index) => ({ seq: index + 1, ...row }));
  }

  /** A task's events as an acquired node's context shows them. */
  eventsOf(taskId: string, shown: Json | undefined): Json[] {
    this.#learn(shown);
    const events = this.#rows.filter(({ id, task_id }) => id !== null && task_id === taskId);
    return events.map(({ id, task_id, node_id, action_type, payload, timestamp }) => {
      return { id, task_id, node_id, action_type, payload, timestamp };
    });
  }

  /** A roll-back is recognised by the lease it ended: no two have the same. */
  #learn(shown: Json | undefined): void {
    for (const row of this.#rows) {
      if (row.id !== unseen || !Array.isArray(shown)) continue;
      const same = (shown as unknown as Row[]).find(
        ({ action_type, payload }) => action_type === row.action_type && Bun.deepEquals(payload, row.payload),
      );
      if (typeof same?.id === "string" && this.#ids.isNew(same.id)) row.id = same.id;
    }
  }
}
