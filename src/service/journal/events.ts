import { isRefusal, type Refusal, refuse } from "../../core/decision.ts";
import { type JournalFilter, type JournalRow, matchesFilter } from "../../core/journal/journal.ts";
import { commitEvent } from "../../core/dag/node.ts";
import { topic, type Wait } from "../../core/journal/topics.ts";
import type { Json } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import type { Params, Result } from "../../protocol/methods.ts";
import type { Context, Handlers, PendingAnswer } from "../handler.ts";
import { withReason } from "../nodes/nodes.ts";
import { payloadFault } from "../nodes/event-policy.ts";
import { journalRowView } from "../views.ts";

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
      actionTypes: nullOrSet(params.action_types),
    };
    const missed = missedAfter(params.after_seq, filter, context);
    if (missed !== null) return missed;
    const page = newPage(params.after_seq);
    const isRead = readOn(page, filter, params.limit, context);
    const waits = params.wait_ms > 0 && page.rows.length === 0;
    if (isRead && !waits) return pageView(page, filter, context);
    return finishPage(page, filter, params, isRead);
  },
} satisfies Partial<Handlers>;

/** A cursor is too old where what came right after it has left. */
function missedAfter(afterSeq: number, { taskId }: JournalFilter, { reads }: Context): Refusal<"EVENTS_PRUNED"> | null {
  // A task that is there has all of its rows.
  const gone = taskId === null && afterSeq > 0 ? reads.journal.lastGoneFrom(afterSeq + 1) : null;
  if (gone === null) return null;
  const rows = gone === afterSeq + 1 ? `row ${gone} was` : `rows ${afterSeq + 1} to ${gone} were`;
  const message = `${rows} pruned; go on with after_seq ${gone}, or start again from 0`;
  return refuse("EVENTS_PRUNED", message, {
    after_seq: afterSeq,
    next_after_seq: gone,
    first_seq: reads.journal.oldestSeq(),
  });
}

/** A page, as far as it is read. */
interface Page {
  afterSeq: number;
  rows: JournalRow[];
  payloadChars: number;
  /** Everything up to here was looked at. */
  cursor: number;
  scanned: number;
}

const newPage = (cursor: number): Page => ({ afterSeq: cursor, rows: [], payloadChars: 0, cursor, scanned: 0 });

function pageView(
  { afterSeq, rows, cursor }: Page,
  { taskId }: JournalFilter,
  { reads }: Context,
): Result<"ListEvents"> {
  // Of a task that is there, none has left.
  const gone = taskId === null ? reads.journal.goneWithin(afterSeq, cursor) : 0;
  const page = { events: rows.map(journalRowView), next_after_seq: cursor, last_seq: reads.head.seq };
  return gone === 0 ? page : { ...page, pruned_rows: gone };
}

/** What is looked at between two looks at the clock. */
const pieceRows = 500;
const pieceChars = 256 << 10;

/** Reads on, as far as this turn has room for it. Whether the page has all it will have. */
function readOn(page: Page, filter: JournalFilter, limit: number, { reads, slices }: Context): boolean {
  return slices.goOn(() => {
    const found = reads.journal.page(filter, page.cursor, {
      limit: limit - page.rows.length,
      scanMax: Math.min(pieceRows, limits.pageScanMax - page.scanned),
      scanCharsMax: pieceChars,
      payloadCharsMax: limits.pageCharsMax - page.payloadChars,
    });
    page.rows.push(...found.rows);
    page.payloadChars += found.payloadChars;
    page.scanned += found.scanned.rows;
    slices.spend(found.scanned.rows, found.scanned.chars);
    // Beyond what has left by now: a cursor right before a gap tells of a reader who came before the gap.
    page.cursor = reads.journal.lastGoneFrom(found.nextAfterSeq + 1) ?? found.nextAfterSeq;
    const isFull = page.rows.length >= limit || page.payloadChars > limits.pageCharsMax;
    return isFull || page.scanned >= limits.pageScanMax || page.cursor >= reads.head.seq ? "done" : "more";
  });
}

/**
 * Reads a page in slices, and waits where nothing matches. It goes on from where the last look ended, so that waiting never
 * scans a row twice: in every turn while the journal holds rows it has not looked at, and then when a matching one is
 * committed.
 */
function finishPage(
  page: Page,
  filter: JournalFilter,
  { limit, wait_ms: waitMs }: Params<"ListEvents">,
  isRead: boolean,
): PendingAnswer<Result<"ListEvents">, "EVENTS_PRUNED"> {
  const matching: Wait = {
    topics: [topic.journal(filter.taskId, filter.nodeId)],
    concerns: (committed) => matchesFilter(committed, filter),
  };
  let hasSeenAll = isRead;
  return {
    get wakes() {
      return hasSeenAll ? matching : "turn";
    },
    // Who does not wait has his page when it is read, which takes as long as it takes.
    waitMs: waitMs === 0 ? null : waitMs,
    resume(context, last) {
      // Once it has looked at everything, what matches wakes it before it can leave.
      const missed = hasSeenAll ? null : missedAfter(page.cursor, filter, context);
      if (missed !== null) return { reply: page.rows.length > 0 ? pageView(page, filter, context) : missed };
      const done = readOn(page, filter, limit, context);
      hasSeenAll = page.cursor >= context.reads.head.seq;
      if (last || (done && (page.rows.length > 0 || waitMs === 0))) return { reply: pageView(page, filter, context) };
      if (done) page.scanned = 0;
      return null;
    },
  };
}

const nullOrSet = <Item>(items: readonly Item[] | null | undefined): ReadonlySet<Item> | null =>
  items === null || items === undefined ? null : new Set(items);
