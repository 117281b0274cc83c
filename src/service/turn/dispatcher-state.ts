import type { Store } from "../../store/store.ts";
import type { Counts } from "../runtime.ts";
import type { LockQueue } from "./lock-queue.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { Observer } from "./observer.ts";
import type { StorageHealth } from "./storage-health.ts";
import type { WaitingRoom } from "./waiting-room.ts";

/** What turns work on, one after the other. */
export interface DispatcherState {
  readonly store: Store;
  readonly storage: StorageHealth;
  readonly room: WaitingRoom;
  readonly queue: LockQueue;
  readonly housekeeping: Housekeeping;
  readonly observer: Observer;
  readonly counts: Counts;
  readonly monotonicMs: () => number;
}
