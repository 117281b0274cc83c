/** Both clocks of the machine, read at one moment. */
export interface ClockReading {
  /** Milliseconds since the epoch; the user or NTP may step it. */
  wallMs: number;
  /** Milliseconds since some start; never steps, stands still while the machine sleeps. */
  monotonicMs: number;
}

/** Between two readings of the clocks no more time passes while a lease or lock is live; what takes longer was no tick. */
export const tickMs = 1_000;

/** How often they are read then: often enough that a timer's usual lateness makes no tick late. */
export const readEveryMs = tickMs / 2;

/** Wall and monotonic clock may drift apart this much between two readings without it being a step. */
const driftMaxMs = 100;

/**
 * By how much every live deadline must move so that lease time ran only while the daemon could have heard a heartbeat.
 *
 * Two things move it: a wall clock that went differently from the monotonic one (a step, or a sleep of the machine),
 * and a reading that comes more than a tick after the last (the process was stopped), when the whole gap is given back.
 * A clock set back gives a negative shift: leases keep the time they had left, no more.
 */
export function deadlineShift(last: ClockReading, now: ClockReading): number {
  const elapsed = now.monotonicMs - last.monotonicMs;
  const step = now.wallMs - last.wallMs - elapsed;
  const stepped = Math.abs(step) > driftMaxMs ? step : 0;
  const stalled = elapsed > tickMs ? elapsed : 0;
  return Math.round(stepped + stalled);
}
