import type { Result } from "../protocol/methods.ts";
import type { Store } from "../store/store.ts";
import type { Later } from "./handler.ts";
import { queueUp } from "./long-walks.ts";
import { Verification } from "./verification.ts";

type Report = Result<"VerifyJournal">;

/** Verifies in slices between other requests. */
export function verifyJournal(store: Store): Later<Report> {
  const place = queueUp(store);
  const verification = new Verification(store);
  return {
    wakes: "turn",
    waitMs: null,
    cancel: () => place.leave(),
    resume({ nowMs }, last) {
      let report: Report | null = null;
      let over = true;
      try {
        if (!last && place.isFirst && !isLeaving(store)) report = verification.goOn(nowMs);
        over = last || report !== null;
        return report === null ? null : { reply: report };
      } finally {
        if (over) place.leave();
      }
    },
  };
}

/** What leaves is half there: the rest of it is not compared with anything. */
const isLeaving = ({ pruning }: Store): boolean => pruning?.stage === "rows" || pruning?.stage === "nodes";
