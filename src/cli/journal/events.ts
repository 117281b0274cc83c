import type { Result } from "../../protocol/methods.ts";
import { limits } from "../../protocol/limits.ts";
import { uuidOf } from "../../protocol/uuid.ts";
import { argument, command, idempotencyKey, nodeArg, option, taskArg } from "../command.ts";
import { Failure } from "../exits.ts";
import { resolveLease, resolveNode, resolveTask } from "../ids.ts";
import type { Session } from "../session.ts";
import { printLive, whileHeard } from "../output.ts";
import { readJson, readWhole } from "../values.ts";
import { eventLines, eventsText } from "./text.ts";

type Event = Result<"ListEvents">["events"][number];

export const commit = command({
  args: {
    ...taskArg,
    ...nodeArg,
    payload: argument("the event: JSON, - for standard input, or @FILE"),
    lease: option("LEASE", "the node's lease, needed while it is RUNNING"),
    type: option("NAME", "the event's action_type (COMMIT_EVENT)"),
    ...idempotencyKey,
  },
  examples: [
    [`event commit 0197f3a2 6f1a8a5e '{"done":"lexer"}' --lease b1c9d7e2 --type progress`, "note progress"],
    ["event commit 0197f3a2 6f1a8a5e @late-result.json", "keep a result that came after the lease was lost"],
  ],
  async run({ task, node, payload, lease, type, "idempotency-key": key }, session) {
    const value = await readJson(payload, "PAYLOAD");
    const task_id = await resolveTask(session, task);
    const node_id = await resolveNode(session, task_id, node);
    const lease_id = lease === undefined ? undefined : await resolveLease(session, task_id, lease);
    const params = { task_id, node_id, lease_id, action_type: type, payload: value };
    const event = await session.call("CommitEvent", params, key);
    session.show(event, () => `committed event ${event.event_id}`);
  },
});

export const list = command({
  args: {
    task: option("TASK", "only this task's events"),
    node: option("NODE", "only this node's events"),
    type: option("A,B", "only these action types"),
    after: option("SEQ", "only events after this seq (0; with --follow: from now on)"),
    limit: option("N", "at most this many (100)"),
    follow: { type: "boolean", alias: "f", description: "wait for more until Ctrl-C, which ends it with status 130" },
  },
  examples: [
    ["event list --task 0197f3a2", "what happened to a task"],
    ["event list --follow --type COMPLETE_NODE,FAIL_NODE", "nodes that end from now on"],
    ["event list --after 120 --json", "a page for a program"],
  ],
  notes: `A line says what happened; of what clients tell it shows the payload. With --json a page is one line, its rows as they
are, and --follow prints one line for each event.`,
  async run({ task, node, type, after, limit, follow }, session) {
    if (follow === true && limit !== undefined) throw new Failure("USAGE", "--limit makes no sense with --follow");
    const filter = await readFilter(session, { task, node, type });
    const after_seq = after === undefined ? undefined : readWhole(after, "after");
    if (follow === true) return followEvents(session, filter, after_seq);
    const paging = { after_seq, limit: limit === undefined ? undefined : readWhole(limit, "limit") };
    const page = await session.call("ListEvents", { ...filter, ...paging });
    session.show(page, () => eventsText(page.events));
    if (page.pruned_rows !== undefined) {
      session.note(`${page.pruned_rows} rows up to seq ${page.next_after_seq} were pruned and are in an archive`);
    }
    if (page.next_after_seq < page.last_seq) {
      session.note(`the journal goes on to seq ${page.last_seq}; next page: --after ${page.next_after_seq}`);
    }
    return 0;
  },
});

interface Filter {
  task_id: string | undefined;
  node_id: string | undefined;
  action_types: string[] | undefined;
}

async function readFilter(
  session: Session,
  given: { task: string | undefined; node: string | undefined; type: string | undefined },
): Promise<Filter> {
  const task_id = given.task === undefined ? undefined : await resolveTask(session, given.task);
  const action_types = given.type?.split(",").filter((name) => name !== "");
  return { task_id, node_id: await readNode(session, task_id, given.node), action_types };
}

async function readNode(session: Session, taskId: string | undefined, given: string | undefined) {
  if (given === undefined) return undefined;
  if (taskId !== undefined) return resolveNode(session, taskId, given);
  const full = uuidOf(given);
  if (full !== null) return full;
  throw new Failure("USAGE", "--node needs its --task, or the node's full id");
}

/** Prints events as they come, until `over` the last page says so or nobody reads them any more. */
export async function followEvents(
  session: Session,
  filter: Partial<Filter>,
  after: number | undefined,
  over: (events: readonly Event[]) => Promise<boolean> = async () => false,
): Promise<0> {
  let after_seq = after ?? (await session.call("Health", {})).last_seq;
  for (;;) {
    const asked = session.call("ListEvents", { ...filter, after_seq, wait_ms: limits.waitMsMax });
    const page = await whileHeard(asked);
    if (page === null) return 0;
    after_seq = page.next_after_seq;
    const lines = session.globals.json ? page.events.map((event) => JSON.stringify(event)) : eventLines(page.events);
    for (const line of lines) if (!(await printLive(line))) return 0;
    if (await over(page.events)) return 0;
  }
}
