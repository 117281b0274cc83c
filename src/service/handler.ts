import type { Decision } from "../core/decision.ts";
import type { LockWish } from "../core/locks/queue.ts";
import type { Wait } from "../core/journal/topics.ts";
import type { WorkBudget } from "../core/work-budget.ts";
import type { CommonRefusal, ErrorKind } from "../protocol/errors.ts";
import type { MethodName, Params, RefusalKind, Result } from "../protocol/methods.ts";
import type { Paths } from "../protocol/home.ts";
import type { Settings } from "../protocol/settings.ts";
import type { Warning } from "../protocol/warnings.ts";
import type { Reads } from "../store/reads.ts";
import type { State, Unit } from "../store/store.ts";
import type { ContextEvents } from "./journal/context-events.ts";
import type { BundleContents } from "./bundles/contents.ts";
import type { Call } from "./turn/call.ts";
import type { Caches } from "./caches.ts";
import type { ResourceKeys } from "./locks/resource-keys.ts";
import type { CheckPages } from "./verification/page-verdict.ts";
import type { Counter, Runtime } from "./runtime.ts";
import type { Slices } from "./turn/slices.ts";

/** What a handler works with. Time and ids come from here, so that a test decides both. */
export interface Context {
  readonly store: State;
  readonly reads: Reads;
  /** Changes the state, in the turn's unit; the journal's seq afterwards, which is that of the effect's own row. */
  readonly apply: Unit["apply"];
  readonly savepoint: Unit["savepoint"];
  readonly settings: Settings;
  readonly paths: Paths;
  readonly runtime: Runtime;
  readonly keys: ResourceKeys;
  readonly bundles: BundleContents;
  readonly events: ContextEvents;
  /** The last two, to be given back. */
  readonly caches: Pick<Caches, "forget">;
  readonly checkPages: CheckPages;
  /** The turn's one reading of the wall clock. */
  readonly nowMs: number;
  readonly newId: () => string;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Lock requests in line, first come first: all, or those before a waiting request. */
  lockWishes(before?: AnyPending | null): readonly LockWish[];
  /** The request that waits for its answer under an idempotency key, if one does. */
  waitingUnder(key: string): Call | null;
  /** What the request may still cost. A request's own, whatever it looks at. */
  readonly budget: WorkBudget;
  /** What all requests of the turn may still do of work that can go on in the next. */
  readonly slices: Slices;
  /** Counts something for Metrics once the turn is committed. Called after everything that may refuse the request. */
  count(counter: Counter, by?: number): void;
}

/** The turn's context for the next request, or the next slice of one, which may cost as much again. */
export function withBudget(context: Context): Context {
  context.budget.renew();
  return context;
}

/** An answer that is not ready. It is asked for again until it is there. */
export interface PendingAnswer<T, Kinds extends ErrorKind> {
  /**
   * `turn`: once in every turn of the event loop, a slice of work at a time. `any turn`: in every turn that comes, and it
   * brings about none, as it can do nothing before others have. Else: when something of these topics was journalled. It may
   * change from turn to turn.
   */
  readonly wakes: "turn" | "any turn" | Wait;
  /** It works and does not wait: what the same client sent after it begins when it is done. */
  readonly keepsOrder?: boolean;
  /** Requests that have the same ask for the same: once one gets nothing, none of the others would. */
  readonly dedupKey?: string | undefined;
  /** The locks it waits for in line: nobody who wants what overlaps goes before it. */
  readonly lockWish?: LockWish;
  /** After this many milliseconds it must answer; null: it may take as long as it takes. */
  readonly waitMs: number | null;
  /** The reply, or null while there is none; `last` when the wait is over. */
  resume(context: Context, last: boolean): { reply: Decision<T, Kinds> } | null;
  /** It is over: the answer is given, or nobody waits for it any more. Called once, as nothing is asked of it afterwards. */
  end?(): void;
}

/** A pending answer of whatever method. */
export type AnyPending = PendingAnswer<unknown, ErrorKind>;

export function isPending(reply: unknown): reply is AnyPending {
  return typeof reply === "object" && reply !== null && "wakes" in reply;
}

/** A result that says what looks like a mistake in the request. */
export interface Warned {
  warnings?: readonly Warning[];
}

export type Handler<Name extends MethodName> = (
  params: Params<Name>,
  context: Context,
) => Decision<Reply<Name>, Refused<Name>> | PendingAnswer<Reply<Name>, Refused<Name>>;

/** What a handler may refuse: what its row lists, and what every method can answer. */
type Refused<Name extends MethodName> = RefusalKind<Name> | CommonRefusal;

type Reply<Name extends MethodName> = Result<Name> | (NonNullable<Result<Name>> & Warned);

/** What is due before a method's handler has its turn; kept whatever becomes of the request. */
export type Preparations = { [Name in MethodName]?: (params: Params<Name>, context: Context) => void };

/** One handler per row of the method table: a row without one does not compile. */
export type Handlers = { [Name in MethodName]: Handler<Name> };
