import type { Client } from "../../src/client/client.ts";
import type { Result } from "../../src/protocol/methods.ts";

export type JournalRow = Result<"ListEvents">["events"][number];

/** A row of the journal as the demo tells it. */
export interface Told {
  row: JournalRow;
  /** Seconds since the journal's first row. */
  seconds: number;
  worker: string;
  /** The node's name in task.yaml; empty for rows about the task. */
  node: string;
  what: string;
}

/** The task's journal from its first row on, each row as soon as it is written, until the task has ended. */
export async function* follow(client: Client, taskId: string): AsyncGenerator<Told> {
  const names = await nodeNames(client, taskId);
  let after_seq = 0;
  let startedMs: number | undefined;
  for (;;) {
    const page = await client.call("ListEvents", { task_id: taskId, after_seq, wait_ms: 1000 });
    after_seq = page.next_after_seq;
    for (const row of page.events) {
      startedMs ??= Date.parse(row.timestamp);
      yield tell(row, (Date.parse(row.timestamp) - startedMs) / 1000, names);
    }
    const idle = page.events.length === 0;
    if (idle && (await client.call("TaskStatus", { task_id: taskId })).state !== "ACTIVE") return;
  }
}

/** Prints a row as one line: when, who, where, what. */
export function print({ seconds, worker, node, what }: Told): void {
  console.log(`${seconds.toFixed(2).padStart(6)} s  ${worker.padEnd(8)} ${node.padEnd(12)} ${what}`);
}

async function nodeNames(client: Client, taskId: string): Promise<Map<string, string>> {
  const { nodes } = await client.call("TaskStatus", { task_id: taskId });
  return new Map(nodes.map(({ id, name }) => [id, name ?? id]));
}

/** What the rows of this task may hold, by daemon and workers. */
interface Payload {
  goal?: string;
  worker?: string;
  owner?: string;
  lease_owner?: string;
  text?: string;
  locks?: { resource_key: string }[];
  result?: { worker?: string; commit?: string; passes?: boolean };
}

function tell(row: JournalRow, seconds: number, names: Map<string, string>): Told {
  const payload = row.payload as Payload;
  const worker = payload.worker ?? payload.lease_owner ?? payload.owner ?? payload.result?.worker ?? "";
  const node = row.node_id === null ? "" : (names.get(row.node_id) ?? "");
  return { row, seconds, worker, node, what: phrase(row.action_type, payload) };
}

function phrase(action: string, { text, locks = [], result }: Payload): string {
  const keys = locks.map(({ resource_key: key }) => key).join(", ");
  switch (action) {
    case "REGISTER_TASK":
      return "registered";
    case "ACQUIRE_NODE":
      return "takes the node";
    case "TIMEOUT_ROLLBACK":
      return "was not heard of: its node is rolled back";
    case "COMPLETE_NODE":
      return `completes${result?.commit === undefined ? "" : `, commit ${result.commit}`}`;
    case "FAIL_NODE":
      return "fails";
    case "ACQUIRE_RESOURCE_LOCK":
      return `locks ${keys}`;
    case "TAKE_OVER_RESOURCE_LOCK":
      return `takes over ${keys}`;
    case "RELEASE_RESOURCE_LOCK":
      return `releases ${keys}`;
    case "EXPIRE_RESOURCE_LOCK":
      return `loses ${keys}: its lease ran out`;
    default:
      return `${action}: ${text ?? ""}`;
  }
}
