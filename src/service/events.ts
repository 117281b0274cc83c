import { isRefusal, type Refusal, refuse } from "../core/decision.ts";
import { type JournalFilter, matchesFilter } from "../core/journal.ts";
import { commitEvent } from "../core/node.ts";
import { topic, type Wait } from "../core/topics.ts";
import type { Json } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import type { Result } from "../protocol/methods.ts";
import type { Context, Handlers, PendingAnswer } from "./handler.ts";
import { withReason } from "./nodes.ts";
import { payloadFault } from "./policy.ts";
import { journalRowView } from "./views.ts";

type Page = Result<"ListEvents">;

export const eventHandlers = {
  CommitEvent(params, context) {
    const { apply, reads, nowMs } = context;
    const fault = payloadFault(params, context);
    if (fault !== null) return fault;
    const claim = { taskId: params.task_id, nodeId: params.node_id, leaseId: params.lease_id ?? null };
    const event = { id: context.newId(), actionType: params.action_type, payload: params.payload as Json };
    const entry = commitEvent(reads.nodes.head(params.node_id), claim, event, nowMs);
    if (isRefusal(entry)) return withReason(entry, claim, context);
    context.count("committed_events");
    return { event_id: event.id, seq: apply({ kind: "appendEvent", entry }) };
  },

  ListEvents(params, context) {
    const filter: JournalFilter = {
      taskId: params.task_id ?? null,
      nodeId: params.node_id ?? null,
      actionTypes: params.action_types ?? null,
    };
    const missed = missedAfter(params.after_seq, filter, context);
    if (missed !== null) return missed;
    const page = readPage(context, filter, params.after_seq, params.limit);
    if (page.events.length > 0 || params.wait_ms === 0) return page;
    return waitForEvents(filter, page, params.limit, params.wait_ms);
  },
} satisfies Partial<Handlers>;

/** A cursor is too old where what came right after it has left. */
function missedAfter(afterSeq: number, { taskId }: JournalFilter, { reads }: Context): Refusal | null {
  // A task that is there has all of its rows.
  const gone = taskId === null && afterSeq > 0 ? reads.journal.lastGoneFrom(afterSeq + 1) : null;
  if (gone === null) return null;
  const message = `rows ${afterSeq + 1} to ${gone} were pruned; go on with after_seq ${gone}, or start again from 0`;
  return refuse("EVENTS_PRUNED", message, {
    after_seq: afterSeq,
    next_after_seq: gone,
    first_seq: reads.journal.oldestSeq(),
  });
}

function readPage({ reads }: Context, filter: JournalFilter, afterSeq: number, limit: number): Page {
  const bounds = { limit, scanMax: limits.pageScanMax, payloadCharsMax: limits.pageCharsMax };
  const { rows, nextAfterSeq } = reads.journal.page(filter, afterSeq, bounds);
  // Beyond what has left by now: a cursor right before a gap tells of a reader who came before the gap.
  const next = reads.journal.lastGoneFrom(nextAfterSeq + 1) ?? nextAfterSeq;
  return { events: rows.map(journalRowView), next_after_seq: next, last_seq: reads.head.seq };
}

/**
 * Looks on from where the last look ended, so that waiting never scans a row twice: in every turn while the journal
 * holds rows it has not looked at, and then when a matching one is committed.
 */
function waitForEvents(filter: JournalFilter, seen: Page, limit: number, waitMs: number): PendingAnswer<Page> {
  let { next_after_seq: cursor, last_seq: end } = seen;
  const matching: Wait = {
    topics: [topic.journal(filter.taskId, filter.nodeId)],
    concerns: (committed) => matchesFilter(committed, filter),
  };
  return {
    get wakes() {
      return cursor < end ? "turn" : matching;
    },
    waitMs,
    resume(context, last) {
      // Once it has looked at everything, what matches wakes it before it can leave.
      const missed = cursor < end ? missedAfter(cursor, filter, context) : null;
      if (missed !== null) return { reply: missed };
      const page = readPage(context, filter, cursor, limit);
      cursor = page.next_after_seq;
      end = page.last_seq;
      return page.events.length > 0 || last ? { reply: page } : null;
    },
  };
}
