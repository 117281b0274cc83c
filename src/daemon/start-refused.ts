import { systemReason } from "../native/system-error.ts";

/** The daemon cannot start; the message tells a person what stands in the way and what to do. */
export class StartRefused extends Error {
  /** Whether what stands in the way is a daemon that runs already. */
  readonly held: boolean;

  constructor(message: string, { held = false } = {}) {
    super(message);
    this.held = held;
  }
}

/**
 * Does a part of the start that the system may refuse: `failed` says what did not work then, `advice` what to do.
 * @throws {StartRefused}
 */
export function attempt<T>(failed: string, advice: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const reason = systemReason(error);
    if (reason === null) throw error;
    throw new StartRefused(`${failed}: ${reason}; ${advice}`);
  }
}
