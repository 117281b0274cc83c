import type { StorageFailure } from "../../store/store.ts";
import type { Call } from "./call.ts";

/** What a request's line in the log is made of. */
export interface Served {
  call: Call;
  /** The journal's seq when it was done. */
  seq: number;
  tookMs: number;
  /** Characters of its answer; null while that is not ready. */
  answerChars: number | null;
}

/** What the daemon's log should know. */
export interface Observer {
  /** A request was run; null leaves that unreported. */
  served: ((served: Served) => void) | null;
  /** A request, or something of the daemon's own, met a bug in agentd. */
  bug(what: string, error: unknown): void;
  /** The storage began to fail, fails differently, or (null) works again. */
  storage(problem: StorageFailure | null): void;
}
