import type { ReferenceModel } from "./reference.ts";

interface Clock {
  wallMs: number;
  monotonicMs: number;
}

/** Lease time runs only while a heartbeat could have been heard: everything else is given back. */
export class LeaseTime {
  #clock: Clock;
  /** What is owed since the last commit: by how much deadlines move, or that every lease gets its full time again. */
  #shift = 0;
  #renew = false;

  constructor(clock: Clock) {
    this.#clock = { ...clock };
  }

  /** A turn begins. */
  pass({ wallMs, monotonicMs }: Clock, reference: ReferenceModel): void {
    const heard = monotonicMs - this.#clock.monotonicMs;
    const drift = wallMs - this.#clock.wallMs - heard;
    this.#shift += (heard > 1_000 ? heard : 0) + (Math.abs(drift) > 100 ? drift : 0);
    this.#clock = { wallMs, monotonicMs };
    const { state } = reference;
    state.journal.now = wallMs;
    reference.monotonic = monotonicMs;
    if (this.#renew) state.renew();
    else state.shift(this.#shift);
  }

  /** The turn was kept. */
  settle(): void {
    this.#shift = 0;
    this.#renew = false;
  }

  /** Nobody knows whether the turn was kept: where deadlines were to move, all get their full time again. */
  doubt({ state }: ReferenceModel): void {
    this.#renew ||= this.#shift !== 0 && state.hasDeadlines;
    this.#shift = 0;
  }

  /** The service starts: nobody could renew a lease meanwhile, if there is any, and what the clocks did is not looked at. */
  restart({ wallMs, monotonicMs }: Clock, { state }: ReferenceModel): void {
    this.#clock = { wallMs, monotonicMs };
    this.#shift = 0;
    this.#renew = state.hasDeadlines;
  }
}
