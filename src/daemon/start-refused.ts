/** The daemon cannot start; the message tells a person what stands in the way and what to do. */
export class StartRefused extends Error {
  /** Whether what stands in the way is a daemon that runs already. */
  readonly held: boolean;

  constructor(message: string, { held = false } = {}) {
    super(message);
    this.held = held;
  }
}
