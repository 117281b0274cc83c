import { transitions } from "../../protocol/transitions.ts";
import type { Topic } from "../../protocol/transition.ts";
import type { Entry } from "./journal.ts";

/*
 * What is journalled wakes who waits for it, by topics: names of what may have changed. Rows of the table of transitions
 * say which topics a kind is of; every row is of those of its journal, too, which readers of events wait for.
 */

/** What somebody waits for. */
export interface Wait {
  readonly topics: readonly string[];
  /** Of what is journalled on these topics, what concerns him: all of it where this is not there. */
  readonly concerns?: (entry: Entry) => boolean;
}

/** The names of topics. */
export const topic = {
  /** Nodes of the task may be runnable, or none ever will; null: of any task. */
  work: (taskId: string | null) => `work ${taskId ?? "of any task"}`,
  /** A lock has ended. */
  locks: "locks",
  /** The lease of the node may have ended; null: of any node of some task. */
  lease: (nodeId: string | null) => `lease ${nodeId ?? "of any node"}`,
  /** Something was journalled of the node, else of the task, else at all. */
  journal: (taskId: string | null, nodeId: string | null) => `journal ${nodeId ?? taskId ?? ""}`,
};

const named: { [T in Topic]: (entry: Entry) => string[] } = {
  work: ({ taskId }) => [topic.work(null), topic.work(taskId)],
  locks: () => [topic.locks],
  lease: ({ nodeId }) => [topic.lease(nodeId)],
};

/** The topics that the table names for an entry; of a client's there are none. */
export function topicsOf(entry: Entry): readonly Topic[] {
  return entry.origin === "daemon" ? transitions[entry.actionType].topics : [];
}

/** Entries of a journal, by their topics. */
export class News {
  readonly #on = new Map<string, Entry[]>();

  add(entry: Entry, names: Iterable<string>): void {
    for (const name of names) {
      const known = this.#on.get(name);
      if (known === undefined) this.#on.set(name, [entry]);
      else known.push(entry);
    }
  }

  get isEmpty(): boolean {
    return this.#on.size === 0;
  }

  /** Whether there is something that somebody waits for. */
  wakes({ topics, concerns = () => true }: Wait): boolean {
    return topics.some((name) => this.#on.get(name)?.some(concerns) ?? false);
  }
}

/** What the entries tell those who wait to change state. */
export function newsOfState(entries: readonly Entry[]): News {
  const news = new News();
  for (const entry of entries) for (const its of topicsOf(entry)) news.add(entry, named[its](entry));
  return news;
}

/** What the entries tell those who read the journal. */
export function newsOfJournal(entries: readonly Entry[]): News {
  const news = new News();
  for (const entry of entries) {
    const { taskId, nodeId } = entry;
    news.add(entry, new Set([topic.journal(null, null), topic.journal(taskId, null), topic.journal(taskId, nodeId)]));
  }
  return news;
}
