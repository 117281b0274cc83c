import { refuse } from "../../core/decision.ts";
import type { JournalHead } from "../../core/journal/journal.ts";
import type { Params, Result } from "../../protocol/methods.ts";
import { type Store, storageRefusal, type StorageRefused } from "../../store/store.ts";
import type { Context, PendingAnswer } from "../handler.ts";
import { isLeaving, PlaceInLine } from "./long-walks.ts";
import { Pages, PagesUnknown, pagesWith } from "./page-verdict.ts";
import { VerificationWalk } from "./verification-walk.ts";

type Verified = Result<"VerifyJournal">;

/** Verifies in slices between other requests. */
export function verifyJournal(
  { head }: Params<"VerifyJournal">,
  { store, reads, paths, checkPages }: Context,
): PendingAnswer<Verified, StorageRefused> {
  const place = new PlaceInLine(store);
  const verification = new VerificationWalk(store, new Pages(store, paths.database, checkPages), {
    kept: readHead(head),
    memory: true,
  });
  let leaving = false;
  return {
    get wakes() {
      return place.isBehind || leaving || verification.awaitsPages ? "any turn" : "turn";
    },
    waitMs: null,
    end() {
      place.leave();
      verification.cancel();
    },
    resume({ nowMs }, last) {
      try {
        const isNext = !last && place.takeTurn();
        leaving = isNext && isLeaving(reads);
        const report = isNext && !leaving ? verification.goOn(nowMs) : null;
        return report === null ? null : { reply: report };
      } catch (error) {
        if (error instanceof PagesUnknown) return { reply: refuse("STORAGE_FAILED", error.message) };
        return { reply: storageRefusal(error) };
      }
    },
  };
}

/**
 * The same at once, for a store that nobody else has. `faults` are what is damaged in its file.
 * @throws {StorageFailure}
 */
export function verifyStore(
  store: Store,
  faults: readonly string[],
  nowMs: number,
  kept: JournalHead | null = null,
): Verified {
  const verification = new VerificationWalk(store, pagesWith(faults), { kept, memory: false });
  for (;;) {
    const report = verification.goOn(nowMs);
    if (report !== null) return report;
  }
}

/** A head as it is kept elsewhere, `SEQ:HASH`. */
export function readHead(text: string | null | undefined): JournalHead | null {
  const [seq, hash] = text?.split(":") ?? [];
  return seq === undefined || hash === undefined ? null : { seq: Number(seq), hash: hash.toLowerCase() };
}
