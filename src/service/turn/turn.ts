import type { ClockReading } from "../../core/lease/clock.ts";
import type { StorageFailure } from "../../store/store.ts";
import type { Context, AnyPending } from "../handler.ts";
import type { Counter } from "../runtime.ts";
import type { Answer } from "./call.ts";
import type { Due } from "./housekeeping.ts";
import type { Job, Session } from "./sessions.ts";
import type { Waiter } from "./waiting-room.ts";

/** What became of one request of a turn. */
export type Outcome = Answer | AnyPending;

/** One turn: what was taken into it, and what came of that. Nobody is told of any of it before it is closed. */
export interface Turn {
  readonly now: ClockReading;
  readonly jobs: readonly Job[];
  readonly context: Context;
  readonly due: Due;
  /** Those in line for locks are asked before its requests, or others for whom there was no time. */
  readonly asksQueue: boolean;
  /** Mutating waiters are asked at its end. */
  readonly asksDue: boolean;
  /** It has a unit of the store's. One that only reads needs none. */
  readonly writes: boolean;
  /** Of its jobs, in their order; one that is missing had no place in this turn. */
  readonly outcomes: Map<Job, Outcome>;
  /** Clients whose next request begins when an earlier one of theirs is done. */
  readonly inOrder: Set<Session>;
  /** Who was owed to be asked when it began. */
  readonly owed: readonly Waiter[];
  /** Who began to wait in it. */
  readonly arrived: Set<Waiter>;
  /** Answers of waiters that were made inside the unit. */
  readonly served: Map<Waiter, Answer>;
  /** For Metrics. */
  readonly counted: (readonly [Counter, number])[];
  /** Clients with new answers. */
  readonly touched: Set<Session>;
  /** How many of its unit's entries waiters were told of. */
  told: number;
  /** How long its waiters were asked for, on the clock that never steps. */
  askedMicros: number;
  /** Why nothing of the unit can be kept. */
  failure: StorageFailure | null;
}
