/** Why work ended that nothing was wrong with. */
class Stopped extends Error {}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** How long after a command was killed at the latest the daemon is to have heard of it. */
const lastWordsMs = 10_000;

/** The user's wishes to end, each stronger than the one before. */
export interface Interruptions extends AsyncDisposable {
  /** At the first signal: commands are asked to end, and their nodes released. */
  stop: AbortSignal;
  /** At the second: commands are killed. */
  kill: AbortSignal;
  /** At the third, or some time after the first: not even the daemon is waited for. */
  giveUp: AbortSignal;
  /** Waits for all of them; when one breaks, the others are stopped, and its error is thrown. */
  all(workers: readonly Promise<unknown>[]): Promise<void>;
}

/** Does work that the user may interrupt. The process dies of the signal then, once the work has ended. */
export async function interruptible<Value>(
  graceMs: number,
  work: (controls: Interruptions) => Promise<Value>,
): Promise<Value> {
  const done: Value[] = [];
  {
    await using interrupted = interruptions(graceMs);
    await interrupted.all([work(interrupted).then((value) => done.push(value))]);
  }
  const [value] = done;
  if (done.length === 0) throw new Stopped("interrupted");
  return value as Value;
}

/**
 * Listens for SIGINT, SIGTERM and SIGHUP until disposed. The process then dies of the one that came, if any, since that
 * is how a shell knows that a loop around it is to end, too.
 */
export function interruptions(graceMs: number): Interruptions {
  const steps = [new AbortController(), new AbortController(), new AbortController()] as const;
  const [stop, kill, giveUp] = steps;
  const reason = new Stopped("interrupted");
  let received: NodeJS.Signals | undefined;
  let timer: Timer | undefined;
  const halt = () => {
    stop.abort(reason);
    timer ??= setTimeout(() => giveUp.abort(reason), graceMs + lastWordsMs).unref();
  };
  const onSignal = (signal: NodeJS.Signals) => {
    received ??= signal;
    if (!stop.signal.aborted) halt();
    else steps.find((step) => !step.signal.aborted)?.abort(reason);
  };
  for (const signal of signals) process.on(signal, onSignal);

  return {
    stop: stop.signal,
    kill: kill.signal,
    giveUp: giveUp.signal,
    async all(workers) {
      let broken: { cause: unknown } | undefined;
      async function watch(worker: Promise<unknown>) {
        try {
          await worker;
        } catch (cause) {
          if (cause !== reason) broken ??= { cause };
          halt();
        }
      }
      await Promise.all(workers.map(watch));
      if (broken !== undefined) throw broken.cause;
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      for (const signal of signals) process.off(signal, onSignal);
      if (received === undefined) return;
      process.kill(process.pid, received);
      await Bun.sleep(1_000);
    },
  };
}
