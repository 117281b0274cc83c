import type { Reads } from "../../src/store/reads.ts";
import type { Store } from "../../src/store/store.ts";

/** The store, or else, except that some of its calls go elsewhere first: how a test makes a real storage fail at will. */
export function overriding<T extends object = Store>(whole: T, calls: Partial<T>): T {
  return new Proxy(whole, {
    get(target, name) {
      const source = name in calls ? calls : target;
      const member: unknown = Reflect.get(source, name, source);
      return typeof member === "function" ? (member.bind(source) as unknown) : member;
    },
  });
}

/** The same, of what is read of one subject. */
export function overridingReads<Subject extends Exclude<keyof Reads, "head" | "totals">>(
  store: Store,
  subject: Subject,
  calls: (its: Reads[Subject]) => Partial<Reads[Subject]>,
): Store {
  const reads = new Proxy(store.reads, {
    get(target, name) {
      if (name !== subject) return Reflect.get(target, name, target) as unknown;
      // Anew each time: after a reopening it is another.
      return overriding<Reads[Subject]>(target[subject], calls(target[subject]));
    },
  });
  return overriding(store, { reads });
}
