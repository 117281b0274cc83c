import { usageOf } from "../bench/usage.ts";

const everyMs = 10;

/** Follows what memory of its own a process has, in MB. */
export class MemoryWatch implements Disposable {
  readonly #pid: number;
  readonly #timer: ReturnType<typeof setInterval>;
  #mostMb: number;

  constructor(pid: number) {
    this.#pid = pid;
    this.#mostMb = this.nowMb;
    this.#timer = setInterval(() => (this.#mostMb = Math.max(this.#mostMb, this.nowMb)), everyMs);
  }

  get nowMb(): number {
    return usageOf(this.#pid).ownMb;
  }

  /** The most since it was asked last. */
  takeMostMb(): number {
    const most = this.#mostMb;
    this.#mostMb = this.nowMb;
    return most;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
