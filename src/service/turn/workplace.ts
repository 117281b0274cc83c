import type { Store } from "../../store/store.ts";
import type { Counts } from "../runtime.ts";
import type { LockQueue } from "./lock-queue.ts";
import type { OwnWork } from "./own-work.ts";
import type { Reports } from "./reports.ts";
import type { StorageHealth } from "./storage-health.ts";
import type { WaitingRoom } from "./waiting-room.ts";

/** What turns work on, one after the other. */
export interface Workplace {
  readonly store: Store;
  readonly storage: StorageHealth;
  readonly room: WaitingRoom;
  readonly queue: LockQueue;
  readonly own: OwnWork;
  readonly reports: Reports;
  readonly counts: Counts;
  readonly monotonicMs: () => number;
}
