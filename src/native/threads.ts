import { setEnvironment } from "./libc.ts";

/**
 * Threads for questions to the file system that may hang. By default there are as many as processors, and a path that
 * hangs on each would leave the process none for any other.
 */
export const fileThreads = 16;

/** Has Bun use so many. To be called before the first such question, which starts them. */
export function provideFileThreads(): void {
  setEnvironment("UV_THREADPOOL_SIZE", String(fileThreads));
}
