import { StorageFailure, type Store } from "../../src/store/store.ts";
import { everything, tell, within } from "./story.ts";

/** What `work` fails with; a test fails here when that is no failure of the storage. */
export function failureOf(work: () => unknown): StorageFailure {
  try {
    work();
  } catch (error) {
    if (error instanceof StorageFailure) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The payloads of the whole journal, as texts. */
export const payloads = (store: Store) => store.reads.journal.slice(0, everything).map(({ row }) => row.payload);

/** One write as the service makes it: begun, done, committed, or abandoned where that fails. */
export function write(store: Store, payload: number): void {
  try {
    within(store, () => tell(store, { payload }));
  } catch (error) {
    store.abandon();
    throw error;
  }
}

/** Leaves the store as after a failed sync: it has to read anew what is on the disk. */
export const reopen = (store: Store): void =>
  store.abandon(new StorageFailure("OUTCOME_UNKNOWN", "the sync failed", { reopen: true }));
