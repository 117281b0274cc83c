import { refuse } from "../core/decision.ts";
import type { Result } from "../protocol/methods.ts";
import { type Store, StorageFailure } from "../store/store.ts";
import type { Context, Later } from "./handler.ts";
import { isLeaving, queueUp } from "./long-walks.ts";
import { Pages, PagesUnknown } from "./page-check.ts";
import { Verification } from "./verification.ts";

type Report = Result<"VerifyJournal">;

const never = (): boolean => false;

/** Verifies in slices between other requests. Refusals: STORAGE_FULL, STORAGE_FAILED (the pages cannot be looked at). */
export function verifyJournal({ store, paths, checkPages }: Context): Later<Report> {
  const place = queueUp(store);
  const verification = new Verification(store, new Pages(store, paths.database, checkPages));
  const end = () => {
    place.leave();
    verification.cancel();
  };
  return {
    get wakes() {
      return verification.awaitsPages ? never : "turn";
    },
    waitMs: null,
    cancel: end,
    resume({ nowMs }, last) {
      let over = true;
      try {
        const goesOn = !last && place.isFirst && !isLeaving(store);
        const report = goesOn ? verification.goOn(nowMs) : null;
        over = last || report !== null;
        return report === null ? null : { reply: report };
      } catch (error) {
        if (error instanceof PagesUnknown) return { reply: refuse("STORAGE_FAILED", error.message) };
        if (error instanceof StorageFailure) return { reply: refuse(error.kind, error.message) };
        throw error;
      } finally {
        if (over) end();
      }
    },
  };
}

/**
 * The same at once, for a store that nobody else has. `pageFaults` says what is damaged in its file.
 * @throws {StorageFailure}
 */
export function verifyStore(store: Store, path: string, pageFaults: (path: string) => string[], nowMs: number): Report {
  const check = () => ({ outcome: { faults: pageFaults(path) }, cancel: () => undefined });
  const verification = new Verification(store, new Pages(store, path, check));
  for (;;) {
    const report = verification.goOn(nowMs);
    if (report !== null) return report;
  }
}
