import { isRefusal } from "../../core/decision.ts";
import type { Result } from "../../protocol/methods.ts";
import { type Backup, type State, storageRefusal, type StorageRefused } from "../../store/store.ts";
import type { PendingAnswer } from "../handler.ts";
import { isLeaving } from "../verification/long-walks.ts";

type BackedUp = Result<"Backup">;

/** Copies the database in steps between other requests, as it is when no transaction is open: after the turn's commit. */
export function backUp(store: State, path: string): PendingAnswer<BackedUp, StorageRefused | "INVALID_STATE"> {
  let started: { backup: Backup; seq: number } | null = null;
  let leaving = false;
  // While a verification has the pages looked at, they stay.
  const isKept = () => store.isHeldStill && !store.isBackingUp;
  return {
    get wakes() {
      return started === null && (leaving || isKept()) ? "any turn" : "turn";
    },
    waitMs: null,
    resume(_context, last) {
      try {
        if (last) return null;
        if (started === null) {
          // It would be half there in the copy.
          leaving = isLeaving(store.reads);
          if (leaving || isKept()) return null;
          const { seq } = store.reads.head;
          const backup = store.startBackup(path);
          if (isRefusal(backup)) return { reply: backup };
          started = { backup, seq };
        }
        const { backup, seq } = started;
        return backup.step() ? { reply: { path, bytes: backup.bytes, seq } } : null;
      } catch (error) {
        // The database itself is as well as before.
        return { reply: storageRefusal(error) };
      }
    },
    end: () => started?.backup.cancel(),
  };
}
