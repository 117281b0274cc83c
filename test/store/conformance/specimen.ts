import type { Store } from "../../../src/store/store.ts";
import { within } from "../story.ts";

/** A store under test; disposing it removes it. */
export interface Specimen extends Disposable {
  readonly store: Store;
  /** Closes the store and opens what it left, as after a restart. */
  restart(): Store;
}

export type MakeSpecimen = () => Specimen;

/** A store in which `work` was done in one committed transaction. */
export function prepared(make: MakeSpecimen, work: (store: Store) => void): Specimen {
  const specimen = make();
  within(specimen.store, () => work(specimen.store));
  return specimen;
}
