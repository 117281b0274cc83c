import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { registerTask, type TestClient, TestService } from "./harness.ts";
import { day, finishedTask, month } from "./pruning.ts";

let service: TestService;
let client: TestClient;

beforeEach(() => {
  service = new TestService();
  client = service.client();
});
afterEach(() => service[Symbol.dispose]());

const prune = () => client.call("PruneJournal", { older_than_secs: month });

describe("readers of the journal", () => {
  test("are told when they missed what has left, and only then", () => {
    finishedTask(client);
    const alive = registerTask(client, 1).taskId;
    service.pass(31 * day);
    prune();
    expect(client.refusal("ListEvents", { after_seq: 3 })).toBe("EVENTS_PRUNED");
    expect(client.ask("ListEvents", { after_seq: 3 }).error?.message).toStartWith("rows 4 to 7 were pruned");
    expect(client.ask("ListEvents", { after_seq: 6 }).error?.message).toStartWith("row 7 was pruned");
    expect(client.ask("ListEvents", { after_seq: 3, task_id: alive }).error).toBeUndefined();
    expect(client.ask("ListEvents", { after_seq: 7 }).error).toBeUndefined();
    expect(client.call("ListEvents", {}).events[0]).toMatchObject({ seq: 8 });
  });
});

describe("after a prune the whole journal can be read, page by page,", () => {
  /** All seqs, with the cursors the service itself gives. */
  function readAll(limit: number, filter: object = {}): number[] {
    const seqs: number[] = [];
    for (let after_seq = 0; ;) {
      const page = client.call("ListEvents", { after_seq, limit, ...filter });
      seqs.push(...page.events.map(({ seq }) => seq));
      if (page.events.length < limit) return seqs;
      expect(page.next_after_seq).toBeGreaterThan(after_seq);
      after_seq = page.next_after_seq;
    }
  }

  /** Tasks that stay between some that leave: gaps at the beginning, in the middle and right before the end. */
  function riddled(): string[] {
    const stay = Array.from({ length: 4 }, () => {
      finishedTask(client);
      return registerTask(client, 1).taskId;
    });
    finishedTask(client);
    service.pass(31 * day);
    prune();
    return stay;
  }

  test.each([1, 2, 3, 1_000])("%i rows at a time", (limit) => {
    const stay = riddled();
    const rows = readAll(1_000);
    expect(rows.length).toBe(stay.length + 1);
    expect(readAll(limit)).toEqual(rows);
    expect(readAll(limit, { action_types: ["REGISTER_TASK"] })).toEqual(rows.slice(0, -1));
  });

  test("and a cursor from before is refused where the next row has left, be it in the middle", () => {
    const [first] = riddled();
    const { seq = 0 } = client.call("ListEvents", { task_id: first ?? "" }).events[0] ?? {};
    expect(client.ask("ListEvents", { after_seq: seq - 1 }).error).toBeUndefined();
    for (const after_seq of [seq, seq + 1]) {
      const data = client.ask("ListEvents", { after_seq }).error?.data;
      expect(data?.kind).toBe("EVENTS_PRUNED");
      const next = Number(data?.next_after_seq);
      expect(client.call("ListEvents", { after_seq: next }).events[0]?.seq).toBe(next + 1);
    }
  });
});

test("whoever reads past rows that have left is told how many, page by page and in all", () => {
  finishedTask(client);
  const alive = registerTask(client, 1).taskId;
  finishedTask(client);
  registerTask(client, 1);
  service.pass(31 * day);
  const { rows } = prune();
  const counts = Array.from({ length: 3 }, () => 0);
  let after_seq = 0;
  for (const page of counts.keys()) {
    const { next_after_seq, pruned_rows } = client.call("ListEvents", { after_seq, limit: 1 });
    counts[page] = pruned_rows ?? 0;
    after_seq = next_after_seq;
  }
  expect(counts.reduce((sum, count) => sum + count)).toBe(rows);
  expect(client.call("ListEvents", {}).pruned_rows).toBe(rows);
  expect(client.call("ListEvents", { after_seq }).pruned_rows).toBeUndefined();
  expect(client.call("ListEvents", { task_id: alive }).pruned_rows).toBeUndefined();
});

test("who has waited at the journal's end sees what comes, although the rows between have left", () => {
  const { taskId } = registerTask(client, 1);
  client.send("ListEvents", { after_seq: 1, action_types: ["CANCEL_TASK"], wait_ms: 600_000 });
  service.settle();
  const other = service.client();
  finishedTask(other);
  service.pass(2_000);
  other.call("PruneJournal", { older_than_secs: 1 });
  other.call("CancelTask", { task_id: taskId, reason: "done" });
  expect(client.read()).toMatchObject({ result: { events: [{ action_type: "CANCEL_TASK", task_id: taskId }] } });
});
