import type { ClockReading } from "../core/clock.ts";
import { newsOfState } from "../core/topics.ts";
import { freesNothing } from "./acquire.ts";
import type { Chores, GroupCommit } from "./batch.ts";
import type { Call } from "./turn/call.ts";
import { executePending, prepareState } from "./execute.ts";
import { expireDue } from "./expiry.ts";
import type { Context } from "./handler.ts";
import { hearHolders } from "./holders.ts";
import type { Parked, Waiting } from "./parked.ts";
import { goOnPruning } from "./prune.ts";
import type { Slot } from "./turn/sessions.ts";
import { sharedTime } from "./turn/time-budget.ts";

/** A call and where its answer goes. */
export interface Job {
  call: Call;
  slot: Slot;
}

/** What a turn finds when it begins. */
interface Beginning {
  jobs: readonly Job[];
  context: Context;
  now: ClockReading;
  parked: Parked;
  commit: GroupCommit;
  /** Whether every lease gets its full time again, as nobody could renew one before the start. */
  renews: boolean;
  /** By how much all deadlines move. */
  shiftMs: number;
  /** Whether leases or delays may end. */
  expires: boolean;
  /** Whether something leaves the database. */
  prunes: boolean;
}

/** What the daemon itself does inside a turn's transaction, beside the calls. */
export function turnChores({ jobs, context, now, parked, commit, renews, shiftMs, ...due }: Beginning): Chores {
  const { store, reads, nowMs } = context;
  const { stirred } = parked;
  const asking = {
    resume: ({ call, pending }: Waiting, last: boolean) =>
      commit.contain(call.name, () => executePending(call, pending, last, context)),
    begin: sharedTime(context),
  };
  const expire = () =>
    store.attempt(
      () => expireDue(context),
      () => true,
    );
  const prune = () =>
    store.attempt(
      () => goOnPruning(context),
      () => true,
    );
  const calls = jobs.map(({ call }) => call);
  const hears = due.expires && calls.some(({ mutates }) => mutates);
  const begin = () => {
    if (renews) store.renewLeases(nowMs);
    else if (shiftMs !== 0) store.shiftDeadlines(shiftMs);
    if (hears) hearHolders(calls, context);
    if (stirred) parked.askStirred(asking);
  };
  const end = () => {
    if (due.expires) commit.contain("expiry", expire);
    if (due.prunes) commit.contain("pruning", prune);
    parked.askDueTakers(now, asking, due.expires);
  };
  return {
    before: renews || shiftMs !== 0 || hears || stirred ? begin : null,
    prepare: (call) => prepareState(call, context),
    waits: (index, pending) => {
      const job = jobs[index];
      if (job !== undefined) parked.park({ ...job, pending }, now.monotonicMs);
    },
    journalled: (entries) => {
      if (!parked.hasTakers) return;
      const news = newsOfState(entries, (entry) => freesNothing(entry, reads));
      if (!news.isEmpty) parked.askTakers(news, asking);
    },
    after: due.expires || due.prunes || parked.takerIsDue(now) ? end : null,
  };
}
