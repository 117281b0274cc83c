import type { Result } from "../protocol/methods.ts";
import { sentenceOf } from "../protocol/transitions.ts";

type Event = Result<"ListEvents">["events"][number];

/** What an event tells: the daemon's in a sentence, clients' as they are. */
export function eventWords(event: Pick<Event, "action_type" | "origin" | "payload">): string {
  return sentenceOf(event, briefId) ?? JSON.stringify(event.payload);
}

/** Enough of an id for whoever reads on. */
const briefId = (id: string) => id.slice(0, 8);
