import type { JournalRow } from "../../../src/core/journal/journal.ts";
import type { Json } from "../../../src/protocol/json.ts";
import { iso } from "./views.ts";

/** A row of the journal, without its seq: that is its place, counted from 1. */
export interface Row {
  id: Json;
  task_id: Json;
  node_id: Json;
  action_type: string;
  origin: string;
  payload: Json;
  timestamp: string;
}

/** A row of the service's journal, as the model writes its own. */
export const toRow = ({ id, taskId, nodeId, actionType, origin, payload, timestampMs }: JournalRow): Row => ({
  id,
  task_id: taskId,
  node_id: nodeId,
  action_type: actionType,
  origin,
  payload,
  timestamp: iso(timestampMs),
});

export interface Subject {
  task: Json;
  node?: Json;
  /** Whether the contract calls the row an event, which then has an id. */
  event?: true;
  origin?: "client";
}

/**
 * The model's own journal. Ids that the service makes up are read from the row it wrote in the same place, and must
 * never have been seen before: everything else of that row the model foretells.
 */
export class ModelJournal {
  readonly rows: Row[] = [];
  readonly #shown: Row[] = [];
  readonly #ids = new Set<string>();

  /** What new rows are stamped with. */
  now = 0;

  get seq(): number {
    return this.rows.length;
  }

  /** The service's next rows. */
  show(rows: readonly Row[]): void {
    this.#shown.push(...rows);
  }

  /** A new id, from where `read` finds it in the row the service wrote where the model writes next. */
  fresh(read: (row: Row) => Json | undefined): string {
    const row = this.#shown[this.seq];
    const id = row === undefined ? undefined : read(row);
    if (typeof id !== "string" || this.#ids.has(id)) return "a new id";
    this.#ids.add(id);
    return id;
  }

  /** The payload of the row the service wrote where the model writes next, for what is not foretold. */
  peek(): Json | undefined {
    return this.#shown[this.seq]?.payload;
  }

  /** Gives what undoes all that is written from here on. */
  remember(): () => void {
    const [rows, shown, ids] = [this.seq, this.#shown.length, [...this.#ids]];
    return () => {
      this.rows.length = rows;
      this.#shown.length = shown;
      this.#ids.clear();
      for (const id of ids) this.#ids.add(id);
    };
  }

  /** Writes a row; its id. */
  write(action_type: string, { task, node = null, event, origin }: Subject, payload: Json): Json {
    const id = event === true ? this.fresh((row) => row.id) : null;
    const about = { task_id: task, node_id: node, action_type, origin: origin ?? "daemon", payload };
    this.rows.push({ id, ...about, timestamp: iso(this.now) });
    return id;
  }

  /** All rows as ListEvents shows them. */
  listed(): Json {
    return this.rows.map((row, index) => ({ seq: index + 1, ...row }));
  }

  /** A task's newest events as an acquired node's context shows them. */
  eventsOf(taskId: string, limit: number): Json[] {
    const events = this.rows.filter(({ id, task_id }) => id !== null && task_id === taskId);
    return events.slice(-limit).map(({ id, task_id, node_id, action_type, payload, timestamp }) => {
      return { id, task_id, node_id, action_type, payload, timestamp };
    });
  }
}
