import { type Refusal, refuse } from "../core/decision.ts";
import type { Result } from "../protocol/methods.ts";
import { type Store, StorageFailure } from "../store/store.ts";
import type { Later } from "./handler.ts";

type Report = Result<"Backup">;

/** Copies the database in steps between other requests, as it is now. */
export function backUp(store: Store, path: string): Later<Report> | Refusal {
  return refusing(() => {
    const { seq } = store.head;
    const backup = store.startBackup(path);
    return {
      wakes: "turn",
      waitMs: null,
      resume: (_context, last) =>
        refusing(
          () => {
            if (last) backup.cancel();
            return !last && backup.step() ? { path, bytes: backup.bytes, seq } : null;
          },
          () => backup.cancel(),
        ),
      cancel: () => backup.cancel(),
    };
  });
}

/** A copy that fails is refused; the database itself is as well as before. */
function refusing<T>(work: () => T, undo?: () => void): T | Refusal {
  try {
    return work();
  } catch (error) {
    undo?.();
    if (error instanceof StorageFailure) return refuse(error.kind, error.message);
    throw error;
  }
}
