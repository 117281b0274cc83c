import type { HashedRow } from "../../protocol/chain.ts";
import { JsonText } from "../../protocol/json-text.ts";
import { limits } from "../../protocol/limits.ts";
import type { State } from "../../store/store.ts";
import { Cache } from "../cache.ts";
import { contextEventHead } from "../views.ts";

/** What the events that are kept may take: those of some hundred tasks. */
const bytesMax = 4 << 20;

interface Kept {
  /** Newer ones are to be read. */
  uptoSeq: number;
  /** How often the store had taken back by then what was journalled. */
  undoings: number;
  /** One JSON text each, oldest first. */
  events: readonly string[];
}

/**
 * The newest events of tasks, as an acquired node's context shows them: an event never changes, so that of a task only
 * those are read that came since it was asked for last.
 */
export class ContextEvents {
  readonly #kept = new Cache<Kept>(bytesMax);

  /** What all of them take, at the most. */
  get bytes(): number {
    return this.#kept.bytes;
  }

  forget(): void {
    this.#kept.clear();
  }

  /** A JSON array of the task's newest events, oldest first, as many as `limit` and `contextCharsMax` allow. */
  newest(taskId: string, limit: number, { reads, undoings }: State): JsonText {
    const known = this.#kept.get(taskId);
    const kept = known?.undoings === undoings ? known : { uptoSeq: 0, events: [] };
    const read = reads.journal.newestEvents(taskId, kept.uptoSeq, limit).map(textOf);
    const events = newestOf([...kept.events, ...read], limit);
    const text = `[${events.join()}]`;
    this.#kept.set(taskId, { uptoSeq: reads.head.seq, undoings, events }, 2 * text.length);
    return new JsonText(text);
  }
}

/** The last ones: up to the one with which they pass what a context may take. */
function newestOf(events: readonly string[], limit: number): readonly string[] {
  let first = events.length;
  for (let chars = 0; first > 0 && events.length - first < limit && chars <= limits.contextCharsMax;)
    chars += events[--first]?.length ?? 0;
  return events.slice(first);
}

/** The payload is taken as it is stored: to the letter, and without being read. */
const textOf = (row: HashedRow): string => {
  const { timestamp, ...head } = contextEventHead(row);
  return `${JSON.stringify(head).slice(0, -1)},"payload":${row.payload},"timestamp":${JSON.stringify(timestamp)}}`;
};
