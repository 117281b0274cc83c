/** The error a promise is rejected with; a test fails here when it is fulfilled instead. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  let value: unknown;
  try {
    value = await promise;
  } catch (cause) {
    if (cause instanceof Error) return cause;
    throw cause;
  }
  throw new Error(`fulfilled with ${Bun.inspect(value)}, where a rejection was expected`);
}
