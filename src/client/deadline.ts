/** What `within` gives when time ran out first. */
export const TIMED_OUT = Symbol("timed out");

/** Waits for `promise` at most `ms` milliseconds. The timer never keeps the process alive afterwards. */
export async function within<Value>(promise: Promise<Value>, ms: number): Promise<Value | typeof TIMED_OUT> {
  const late = Promise.withResolvers<typeof TIMED_OUT>();
  const timer = setTimeout(() => late.resolve(TIMED_OUT), Math.max(0, ms));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
