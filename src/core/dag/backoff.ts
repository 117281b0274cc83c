/**
 * How long to wait after the nth failure: exponential backoff with full jitter, as in Marc Brooker's "Exponential
 * Backoff And Jitter" (AWS Architecture Blog, 2015), so that nodes that failed together do not come back together.
 */
export function backoffMs(
  { backoffMs: first, backoffMaxMs: max }: { backoffMs: number; backoffMaxMs: number },
  failures: number,
  random: number,
): number {
  return Math.round(random * Math.min(max, first * 2 ** (failures - 1)));
}
