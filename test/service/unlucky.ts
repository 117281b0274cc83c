import type { JournalRow } from "../../src/core/journal/journal.ts";
import { StorageFailure, type Store } from "../../src/store/store.ts";
import { type ServiceOptions, TestService } from "./harness.ts";
import { overriding } from "./overriding.ts";

/** How commits end: as the real ones do, with a failure before or after that, or with the end of the process. */
export const fates = ["commits", "fails before", "fails after", "finds no room", "dies before", "dies after"] as const;
export type Fate = (typeof fates)[number];

/** Whether the database has it in the end. */
export const lasts = (fate: Fate) => fate === "commits" || fate.endsWith("after");

/** What commits meet, and what came of it. */
interface Luck {
  fate: Fate;
  commits: number;
  doomed: JournalRow[] | null;
}

/** A service over a real store whose commits fail when told to. */
export class UnluckyService extends TestService {
  readonly #luck: Luck;

  constructor(options: Omit<ServiceOptions, "wrap"> = {}) {
    const luck: Luck = { fate: "commits", commits: 0, doomed: null };
    const meet: { service?: TestService } = {};
    const commit = (store: Store) => overriding(store, { commit: () => meetFate(store, luck, meet.service) });
    super({ ...options, wrap: commit });
    meet.service = this;
    this.#luck = luck;
  }

  get fate(): Fate {
    return this.#luck.fate;
  }

  set fate(fate: Fate) {
    this.#luck.fate = fate;
  }

  /** How many commits succeeded. */
  get commits(): number {
    return this.#luck.commits;
  }

  /** What the last transaction had journalled whose commit did not succeed; then it is forgotten. */
  takeDoomed(): JournalRow[] | null {
    const { doomed } = this.#luck;
    this.#luck.doomed = null;
    return doomed;
  }
}

function meetFate(store: Store, luck: Luck, service: TestService | undefined): void {
  const { fate } = luck;
  if (fate !== "commits") luck.doomed = journalAfter(store, store.reads.head.seq - store.appended.length);
  if (fate === "dies before") service?.keepFiles();
  if (lasts(fate)) store.commit();
  if (fate === "dies after") service?.keepFiles();
  if (fate === "commits") {
    luck.commits++;
    return;
  }
  store.abandon();
  if (fate === "finds no room") throw new StorageFailure("STORAGE_FULL", "the disk is full", { reopen: false });
  throw new StorageFailure("OUTCOME_UNKNOWN", "the sync failed", { reopen: fate.startsWith("fails") });
}

/** What the journal has after this seq. */
export function journalAfter(store: Store, seq: number): JournalRow[] {
  const everything = { taskId: null, nodeId: null, actionTypes: null };
  const bounds = { limit: 10_000, scanMax: 10_000, scanCharsMax: Infinity, payloadCharsMax: Infinity };
  return store.reads.journal.page(everything, seq, bounds).rows;
}
