import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { check } from "../../scripts/prove/kill/checker.ts";
import { Place } from "../../scripts/prove/place.ts";
import { lacks } from "./needs.ts";

const skipped = lacks("what the checker of histories finds", "python3");

/** A line of a client's history, and a row of the journal, loose enough to be forged. */
interface Attempt {
  client: string;
  key: string;
  method: string;
  params: Record<string, unknown>;
  sent: number;
  received: number | null;
  answer: { result?: Record<string, unknown> | null; seq?: number; error?: unknown; replayed?: boolean } | null;
}
interface Row {
  seq: number;
  id: string | null;
  task_id: string | null;
  node_id: string | null;
  action_type: string;
  origin: string;
  payload: Record<string, unknown>;
}

/** What two clients did to one node and one lock, one request after the other, and the journal of it. */
class Story {
  readonly attempts: Attempt[] = [];
  readonly rows: Row[] = [];
  #clock = 0;

  constructor() {
    const node = { task_id: "T", node_id: "N" };
    const underN1 = { ...node, lease_id: "N1" };
    const lock = { resource_key: "K" };
    const nodes = [{ id: "N", dependencies: [] }];
    this.row("REGISTER_TASK", { context: { key: "task" }, nodes }, { task_id: "T" });
    this.ask("A", "task", "RegisterTask", { context: { key: "task" } }, { task_id: "T", seq: 1 });
    this.row("ACQUIRE_NODE", { lease_id: "N1", lease_owner: "node" }, node);
    this.ask(
      "A",
      "node",
      "AcquireNextNode",
      { task_id: "T" },
      { node_id: "N", lease_id: "N1", fencing_token: 2, seq: 2 },
    );
    this.ask("B", "no node", "AcquireNextNode", { task_id: "T" }, null, 2);
    this.row("COMMIT_EVENT", { key: "event" }, { ...node, id: "E1" });
    this.ask("A", "event", "CommitEvent", { ...underN1, payload: { key: "event" } }, { event_id: "E1", seq: 3 });
    this.ask("A", "beat", "HeartbeatNode", underN1, { ok: true, seq: 3 });
    this.row("COMPLETE_NODE", { result: { key: "done" } }, { ...node, id: "E2" });
    this.ask("A", "done", "CompleteNode", { ...underN1, result_payload: { key: "done" } }, { event_id: "E2", seq: 4 });
    this.row("ACQUIRE_RESOURCE_LOCK", { ...lock, lease_id: "K1", metadata: { key: "lock" } });
    this.ask("A", "lock", "AcquireResourceLock", lock, { lease_id: "K1", fencing_token: 5, seq: 5 });
    this.ask("B", "no lock", "AcquireResourceLock", lock, null, 5);
    this.row("RELEASE_RESOURCE_LOCK", { ...lock, lease_id: "K1" });
    this.ask("A", "free", "ReleaseResourceLock", { ...lock, lease_id: "K1" }, { ok: true, seq: 6 });
    this.row("ACQUIRE_RESOURCE_LOCK", { ...lock, lease_id: "K2", metadata: { key: "lock again" } });
    this.ask("B", "lock again", "AcquireResourceLock", lock, { lease_id: "K2", fencing_token: 7, seq: 7 });
    this.row("COMMIT_EVENT", { key: "late" }, { ...node, id: "E3" });
    const late = { ...node, payload: { key: "late" } };
    this.ask("B", "late", "CommitEvent", late, { event_id: "E3", seq: 8 });
    this.ask("B", "late", "CommitEvent", late, { event_id: "E3", seq: 8 });
    this.of("late").received = null;
    this.of("late").answer = null;
    this.attempts.push(
      ...this.attempts.splice(-1).map((one) => ({ ...one, answer: { ...one.answer, replayed: true } })),
    );
    this.refuse("A", "too late", "CompleteNode", { ...underN1, result_payload: {} }, "INVALID_STATE", 8);
  }

  row(action_type: string, payload: Record<string, unknown>, about: Partial<Row> = {}): void {
    const seq = this.rows.length + 1;
    this.rows.push({ seq, id: null, task_id: null, node_id: null, origin: "daemon", ...about, action_type, payload });
  }

  ask(
    client: string,
    key: string,
    method: string,
    params: object,
    result: Record<string, unknown> | null,
    seq?: number,
  ) {
    this.#answer(client, key, method, params, seq === undefined ? { result } : { result, seq });
  }

  refuse(client: string, key: string, method: string, params: object, kind: string, seq: number): void {
    this.#answer(client, key, method, params, { error: { data: { kind, seq } } });
  }

  /** The first attempt under a key. */
  of(key: string): Attempt {
    const found = this.attempts.find((attempt) => attempt.key === key);
    if (found === undefined) throw new Error(`nothing was asked under ${key}`);
    return found;
  }

  at(seq: number): Row {
    const found = this.rows.find((row) => row.seq === seq);
    if (found === undefined) throw new Error(`the journal has no row ${seq}`);
    return found;
  }

  /** Answers something else. */
  answer(key: string, answer: Attempt["answer"]): void {
    this.of(key).answer = answer;
  }

  #answer(client: string, key: string, method: string, params: object, answer: Attempt["answer"]): void {
    const sent = (this.#clock += 10);
    this.attempts.push({ client, key, method, params: { ...params }, sent, received: sent + 5, answer });
  }
}

async function violationsOf(story: Story): Promise<string[]> {
  using place = new Place("checker-test");
  const lines = (items: readonly object[]) => items.map((item) => `${JSON.stringify(item)}\n`).join("");
  const clients = Map.groupBy(story.attempts, ({ client }) => client);
  for (const [client, attempts] of clients) writeFileSync(join(place.path, `history-${client}.jsonl`), lines(attempts));
  writeFileSync(join(place.path, "journal.jsonl"), lines(story.rows));
  const { ok, violations } = await check(place.path);
  expect(ok).toBe(violations.length === 0);
  return [...new Set(violations.map(({ property }) => property))].toSorted();
}

describe.skipIf(skipped)("the checker", () => {
  test("finds nothing in a history that is right", async () => {
    expect(await violationsOf(new Story())).toEqual([]);
  });

  test.each<[string, string[], (story: Story) => void]>([
    ["a row left out", ["journal", "lost"], (story) => void story.rows.splice(2, 1)],
    ["an action nobody knows", ["journal"], (story) => story.row("SHUFFLE_NODES", {})],
    ["a row of what was never registered", ["journal"], (story) => story.row("RELEASE_NODE", {}, { node_id: "M" })],
    ["an acknowledged event that is another's", ["lost"], (story) => (story.at(3).id = "E9")],
    ["an acknowledged event with another payload", ["lost"], (story) => (story.at(3).payload = { text: "?" })],
    ["an acknowledged lock of another lease", ["lost"], (story) => (story.at(7).payload.lease_id = "K9")],
    [
      "an answer from beyond the journal's end",
      ["lost"],
      (story) => story.ask("A", "x", "Health", {}, { last_seq: 99 }),
    ],
    ["an event applied twice", ["twice"], (story) => story.row("COMMIT_EVENT", { key: "late" }, { node_id: "N" })],
    [
      "a lock given twice for one request",
      ["twice"],
      (story) => story.row("ACQUIRE_RESOURCE_LOCK", { resource_key: "L", lease_id: "L1", metadata: { key: "lock" } }),
    ],
    [
      "a refused event that was applied",
      ["refused"],
      (story) => {
        story.row("COMMIT_EVENT", { key: "too late" }, { node_id: "N" });
      },
    ],
    [
      "a repetition that was answered differently",
      ["repeated"],
      (story) => {
        const [again] = story.attempts.filter(({ key }) => key === "late").slice(1);
        story.attempts.push({
          ...story.of("late"),
          sent: 500,
          received: 505,
          answer: { result: { event_id: "E4", seq: 8 } },
        });
        expect(again?.answer?.replayed).toBe(true);
      },
    ],
    [
      "a write placed before one that was answered earlier",
      ["real-time"],
      (story) => {
        story.of("event").sent = 900;
        story.of("event").received = 905;
      },
    ],
    [
      "a refusal placed before a write that was answered earlier",
      ["real-time"],
      (story) => {
        story.refuse("A", "x", "CompleteNode", story.of("beat").params, "INVALID_STATE", 7);
      },
    ],
    [
      "two answers that claim one row",
      ["exclusion", "fencing", "order"],
      (story) => {
        story.attempts.push({ ...story.of("lock again"), client: "A", key: "x" });
      },
    ],
    [
      "an answer without a place",
      ["order"],
      (story) => story.refuse("A", "x", "HeartbeatNode", {}, "INTERNAL", null as never),
    ],
    [
      "a heartbeat of a lease that was over",
      ["order"],
      (story) => {
        story.ask("A", "x", "HeartbeatNode", story.of("beat").params, { ok: true, seq: 8 });
      },
    ],
    [
      "a lease called lost that was not",
      ["order"],
      (story) => {
        story.answer("beat", { error: { data: { kind: "LEASE_LOST", seq: 3 } } });
      },
    ],
    [
      "a node called over that was not",
      ["order"],
      (story) => {
        story.answer("beat", { error: { data: { kind: "INVALID_STATE", seq: 3 } } });
      },
    ],
    [
      "nothing runnable where something was",
      ["order"],
      (story) =>
        (story.at(1).payload.nodes = [
          { id: "N", dependencies: [] },
          { id: "M", dependencies: [] },
        ]),
    ],
    [
      "a lock called held that was free",
      ["order"],
      (story) => story.ask("B", "x", "AcquireResourceLock", { resource_key: "L" }, null, 8),
    ],
    [
      "a lock nobody held that was held",
      ["order"],
      (story) => {
        story.refuse("B", "x", "ReleaseResourceLock", { resource_key: "K", lease_id: "K9" }, "NOT_FOUND", 8);
      },
    ],
    [
      "a node given while it runs",
      ["exclusion"],
      (story) => story.row("ACQUIRE_NODE", { lease_id: "N2", lease_owner: "x" }, { node_id: "N" }),
    ],
    [
      "a lock given while it is held",
      ["exclusion"],
      (story) => story.row("ACQUIRE_RESOURCE_LOCK", { resource_key: "K", lease_id: "K3" }),
    ],
    [
      "two holders of a lock by the clock",
      ["exclusion", "real-time"],
      (story) => {
        story.of("free").sent = 900;
        story.of("free").received = 905;
      },
    ],
    ["a completion under another lease", ["stale"], (story) => (story.of("done").params.lease_id = "N9")],
    ["an event under another lease", ["stale"], (story) => (story.of("event").params.lease_id = "N9")],
    [
      "a lock released under another lease",
      ["stale"],
      (story) => story.row("RELEASE_RESOURCE_LOCK", { resource_key: "K", lease_id: "K1" }),
    ],
    [
      "a token that is smaller than the last holder's",
      ["fencing"],
      (story) => {
        story.answer("lock again", { result: { lease_id: "K2", fencing_token: 4, seq: 7 } });
      },
    ],
    [
      "a token that was given twice",
      ["fencing"],
      (story) => {
        story.answer("lock again", { result: { lease_id: "K2", fencing_token: 2, seq: 7 } });
      },
    ],
  ])("finds %s", async (_, properties, forge) => {
    const story = new Story();
    forge(story);
    expect(await violationsOf(story)).toEqual(properties);
  });
});
