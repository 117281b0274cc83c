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
  timestamp: string;
}

export const started = "2026-01-31T12:00:00.000Z";

/** What two clients did to one node and one lock, one request after the other, and the journal of it. */
export class Story {
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
    this.row("ACQUIRE_RESOURCE_LOCK", { locks: [lock], lease_id: "K1", metadata: { key: "lock" } });
    this.ask("A", "lock", "AcquireResourceLock", lock, { lease_id: "K1", fencing_token: 5, seq: 5 });
    this.ask("B", "no lock", "AcquireResourceLock", lock, null, 5);
    this.row("RELEASE_RESOURCE_LOCK", { locks: [lock], lease_id: "K1" });
    this.ask("A", "free", "ReleaseResourceLock", { ...lock, lease_id: "K1" }, { ok: true, seq: 6 });
    this.row("ACQUIRE_RESOURCE_LOCK", { locks: [lock], lease_id: "K2", metadata: { key: "lock again" } });
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
    this.rows.push({
      seq,
      id: null,
      task_id: null,
      node_id: null,
      origin: "daemon",
      timestamp: started,
      ...about,
      action_type,
      payload,
    });
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
