import type { JournalRow } from "../../src/core/journal/journal.ts";
import { Replay } from "../../src/core/journal/replay.ts";
import type { Json } from "../../src/protocol/json.ts";

/** What differs from row to row; its seq is its place. */
export type Row = [actionType: string, payload: Json, more?: Partial<JournalRow>];

export function replayed(...rows: Row[]): Replay {
  const replay = new Replay((text) => text);
  for (const [index, row] of rows.entries()) replay.apply(rowAt(index + 1, row));
  return replay;
}

export function rowAt(seq: number, [actionType, payload, more]: Row): JournalRow {
  const ids = { id: null, taskId: "task", nodeId: "a" };
  return { seq, ...ids, actionType, origin: "daemon", payload, timestampMs: seq * 10, ...more };
}
