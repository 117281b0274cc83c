/** Both clocks of the machine, read at one moment. */
export interface ClockReading {
  /** Milliseconds since the epoch; the user or NTP may step it. */
  wallMs: number;
  /** Milliseconds since some start; never steps, stands still while the machine sleeps. */
  monotonicMs: number;
}

/** How often the clocks are compared while a lease or lock is live. */
export const tickMs = 1_000;

/** Wall and monotonic clock may drift apart this much between two readings without it being a step. */
const driftMaxMs = 100;

/**
 * By how much every live deadline must move so that lease time ran only while the daemon could have heard a heartbeat.
 *
 * Two things move it: a wall clock that went differently from the monotonic one (a step, or a sleep of the machine),
 * and a reading that comes more than two ticks late (the process was stopped), when the whole gap is given back.
 * A clock set back gives a negative shift: leases keep the time they had left, no more.
 */
export function deadlineShift(last: ClockReading, now: ClockReading): number {
  const elapsed = now.monotonicMs - last.monotonicMs;
  const step = now.wallMs - last.wallMs - elapsed;
  const stepped = Math.abs(step) > driftMaxMs ? step : 0;
  const stalled = elapsed > 2 * tickMs ? elapsed : 0;
  return Math.round(stepped + stalled);
}
