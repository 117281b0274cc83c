import type { Wire } from "./wire.ts";

/** A row of the journal, as ListEvents gives it. */
export interface JournalEvent {
  seq: number;
  action_type: string;
  payload: Record<string, unknown>;
}

/** Reads the whole journal over the wire. Null when the daemon does not give it. */
export async function readJournal(wire: Wire): Promise<JournalEvent[] | null> {
  const events: JournalEvent[] = [];
  for (let after = 0; ;) {
    const line = await wire.ask([
      JSON.stringify({ method: "ListEvents", params: { after_seq: after, limit: 1000 } }),
    ])[0];
    const { result } = JSON.parse(line ?? "{}") as { result?: { events: JournalEvent[]; last_seq: number } };
    if (result === undefined) return null;
    events.push(...result.events);
    after = events.at(-1)?.seq ?? 0;
    if (result.events.length === 0 || after === result.last_seq) return events;
  }
}

/** How often the journal tells of each idempotency key, where a worker's request has put it. */
export function keysIn(events: readonly JournalEvent[]): Map<string, number> {
  const keys = new Map<string, number>();
  for (const { action_type, payload } of events) {
    const places = [payload, payload.context, payload.result, payload.error, payload.metadata];
    const told = places.map((place) => (place as { key?: unknown } | null | undefined)?.key);
    const key = action_type === "ACQUIRE_NODE" ? payload.lease_owner : told.find((one) => typeof one === "string");
    if (typeof key === "string") keys.set(key, (keys.get(key) ?? 0) + 1);
  }
  return keys;
}
