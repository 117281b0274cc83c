import type { LockWish } from "../../core/locks/queue.ts";
import type { AnyPending } from "../handler.ts";
import type { Waiter, WaitingRoom } from "./waiting-room.ts";

/** The queue for locks: those in the waiting room who wish for some, in the order they came. */
export class LockQueue {
  readonly #room: WaitingRoom;
  /** Whether somebody has left between two turns: who stood behind may go on, before anybody who comes now. */
  hasChanged = false;

  constructor(room: WaitingRoom) {
    this.#room = room;
  }

  /** What is wished for, first come first: before a waiting request, or by all; not by those who are `served`. */
  wishes(before: AnyPending | null, served: ReadonlyMap<Waiter, unknown>): LockWish[] {
    const wishes: LockWish[] = [];
    for (const waiter of this.#room.mutating) {
      if (waiter.pending === before) break;
      const { lockWish } = waiter.pending;
      if (lockWish !== undefined && !served.has(waiter)) wishes.push(lockWish);
    }
    return wishes;
  }

  get isEmpty(): boolean {
    for (const waiter of this.#room.mutating) if (standsInQueue(waiter)) return false;
    return true;
  }
}

export const standsInQueue = ({ pending }: Waiter): boolean => pending.lockWish !== undefined;
