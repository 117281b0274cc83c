import type { Store } from "../../src/store/store.ts";

/** The store, except that some of its calls go elsewhere first: how a test makes a real storage fail when it wants. */
export function overriding(store: Store, calls: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name) {
      const source = name in calls ? calls : target;
      const member: unknown = Reflect.get(source, name, source);
      return typeof member === "function" ? (member.bind(source) as unknown) : member;
    },
  });
}
