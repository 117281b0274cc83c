import { isRefusal, refuse } from "../core/decision.ts";
import { type Entry, type JournalFilter, matchesFilter } from "../core/journal.ts";
import { commitEvent } from "../core/node.ts";
import type { Json } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import type { Result } from "../protocol/methods.ts";
import type { Context, Handlers, Later } from "./handler.ts";
import { withReason } from "./nodes.ts";
import { payloadFault } from "./policy.ts";
import { journalRowView } from "./views.ts";

type Page = Result<"ListEvents">;

export const eventHandlers = {
  CommitEvent(params, context) {
    const { store, nowMs } = context;
    const fault = payloadFault(params, context);
    if (fault !== null) return fault;
    const claim = { taskId: params.task_id, nodeId: params.node_id, leaseId: params.lease_id ?? null };
    const event = { id: context.newId(), actionType: params.action_type, payload: params.payload as Json };
    const entry = commitEvent(store.nodeHead(params.node_id), claim, event, nowMs);
    if (isRefusal(entry)) return withReason(entry, claim, context);
    context.count("committed_events");
    return { event_id: event.id, seq: store.appendEvent(entry) };
  },

  ListEvents(params, context) {
    const filter: JournalFilter = {
      taskId: params.task_id ?? null,
      nodeId: params.node_id ?? null,
      actionTypes: params.action_types ?? null,
    };
    // A task that is there has all of its rows.
    const gone = filter.taskId === null ? context.store.lastGoneSeq() : 0;
    if (params.after_seq > 0 && params.after_seq < gone) {
      const message = `rows up to seq ${gone} were pruned, and some of them came after ${params.after_seq}; start again from after_seq 0`;
      return refuse("EVENTS_PRUNED", message, { after_seq: params.after_seq, first_seq: context.store.oldestSeq() });
    }
    const page = readPage(context, filter, params.after_seq, params.limit);
    if (page.events.length > 0 || params.wait_ms === 0) return page;
    return waitForEvents(filter, page, params.limit, params.wait_ms);
  },
} satisfies Partial<Handlers>;

function readPage({ store }: Context, filter: JournalFilter, afterSeq: number, limit: number): Page {
  const bounds = { limit, scanMax: limits.pageScanMax, payloadCharsMax: limits.pageCharsMax };
  const { rows, nextAfterSeq } = store.journalPage(filter, afterSeq, bounds);
  return { events: rows.map(journalRowView), next_after_seq: nextAfterSeq, last_seq: store.head.seq };
}

/**
 * Looks on from where the last look ended, so that waiting never scans a row twice: in every turn while the journal
 * holds rows it has not looked at, and then when a matching one is committed.
 */
function waitForEvents(filter: JournalFilter, seen: Page, limit: number, waitMs: number): Later<Page> {
  let { next_after_seq: cursor, last_seq: end } = seen;
  return {
    get wakes() {
      return cursor < end ? "turn" : (committed: Entry) => matchesFilter(committed, filter);
    },
    waitMs,
    resume(context, last) {
      const page = readPage(context, filter, cursor, limit);
      cursor = page.next_after_seq;
      end = page.last_seq;
      return page.events.length > 0 || last ? { reply: page } : null;
    },
  };
}
