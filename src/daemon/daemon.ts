import type { Whereabouts } from "../protocol/paths.ts";

/** How a daemon is asked to run. */
export interface ServeOptions {
  at: Whereabouts;
  /** Log to the file instead of standard error, and report readiness as one JSON line on standard output. */
  background: boolean;
}

/**
 * Runs the daemon until SIGTERM or SIGINT has drained it.
 *
 * In the background, standard output gets exactly one line: `{"ready":true,"pid":…,"socket":"…"}`, or
 * `{"ready":false,"error":"…"}` when it cannot start; in the foreground a start that fails throws StartRefused.
 */
export async function serve(_options: ServeOptions): Promise<void> {
  throw new Error("not yet");
}

/** The daemon cannot start; the message tells a person what stands in the way and what to do. */
export class StartRefused extends Error {}
