import type { Result } from "../../protocol/methods.ts";
import { sentenceOf } from "../../protocol/transitions.ts";
import { shortener } from "../ids.ts";
import { outputColumns } from "../streams.ts";
import { dim, fitted, momentText, oneLine } from "../text.ts";

type Event = Result<"ListEvents">["events"][number];

/** What an event tells: the daemon's in a sentence, clients' as they are. */
export function eventWords(event: Pick<Event, "action_type" | "origin" | "payload">): string {
  return sentenceOf(event, briefId) ?? JSON.stringify(event.payload);
}

/** Enough of an id for whoever reads on. */
const briefId = (id: string) => id.slice(0, 8);

/** A page of the journal for people. */
export function eventsText(events: readonly Event[]): string {
  return events.length === 0 ? "no events" : eventLines(events).join("\n");
}

/** Events as lines, as wide as the terminal at most. */
export function eventLines(events: readonly Event[]): string[] {
  const shorten = shortener(events.flatMap(({ node_id, task_id }) => [node_id ?? task_id ?? []].flat()));
  const brief = (cell: string) => shorten(cell.trimEnd()).padEnd(briefIdColumns);
  const shape = [{}, { brief: briefEventMoment }, {}, { brief }, { gives: true }] as const;
  return fitted(events.map(eventCells), shape, outputColumns());
}

/** The columns of a short id, so that events that come one by one stand below each other. */
const briefIdColumns = 13;
const briefEventMoment = (moment: string) => dim(Bun.stripANSI(moment).slice("2026-01-31 ".length));

function eventCells(event: Event): string[] {
  return [
    String(event.seq).padStart(6),
    dim(momentText(Date.parse(event.timestamp) / 1000)),
    oneLine(event.action_type, 40).padEnd(20),
    (event.node_id ?? event.task_id ?? "").padEnd(36),
    oneLine(eventWords(event), 80),
  ];
}
