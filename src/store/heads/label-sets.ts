import type { Labels } from "../../protocol/types.ts";
import { LabelSet } from "./entries.ts";
import { Groups } from "./groups.ts";

/** All sets that nodes have. There are few of them, so a wish for labels is a search in each that has them. */
export class LabelSets {
  readonly #sets = new Map<string, LabelSet>();
  readonly #withLabel = new Groups<LabelSet>();

  /** The set of these labels, for one node more. */
  take(labels: Labels): LabelSet {
    const text = setText(labels);
    const known = this.#sets.get(text);
    const set = known ?? new LabelSet(text, labels);
    this.keep(set);
    return set;
  }

  /** One node more has it. */
  keep(set: LabelSet): void {
    if (set.nodes === 0) this.#add(set);
    set.nodes++;
  }

  /** One node less has it. */
  give(set: LabelSet): void {
    set.nodes--;
    if (set.nodes === 0) this.#remove(set);
  }

  /** Sets that have all of these labels, of which there is at least one. */
  having(labels: Labels): LabelSet[] {
    const lists = membersOf(labels).map((member) => this.#withLabel.of(member));
    const [fewest = none, ...others] = lists.toSorted((a, b) => a.size - b.size);
    return [...fewest].filter((set) => others.every((list) => list.has(set)));
  }

  #add(set: LabelSet): void {
    this.#sets.set(set.text, set);
    for (const member of membersOf(set.labels)) this.#withLabel.add(member, set);
  }

  #remove(set: LabelSet): void {
    this.#sets.delete(set.text);
    for (const member of membersOf(set.labels)) this.#withLabel.remove(member, set);
  }
}

const none: ReadonlySet<LabelSet> = new Set();

const membersOf = (labels: Labels): string[] => Object.entries(labels).map((member) => JSON.stringify(member));

/** Labels as one text, however they are ordered. */
function setText(labels: Labels): string {
  const members = Object.entries(labels);
  if (members.length === 0) return "{}";
  return JSON.stringify(Object.fromEntries(members.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}
