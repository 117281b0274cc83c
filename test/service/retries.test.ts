import { describe, expect, test } from "bun:test";
import { Work } from "./work.ts";

describe("a node that failed with attempts left", () => {
  test("runs again, until it has none", () => {
    using work = new Work({ a: { max_attempts: 3 } });
    for (const status of ["PENDING", "PENDING", "FAILED"]) {
      expect(work.acquire()).toBe("a");
      expect(work.fail("a")).toMatchObject({ status, not_before_ms: null });
    }
    expect(work.acquire()).toBeNull();
    expect(work.node("a")).toMatchObject({ failed_attempts: 3, result_payload: "a is broken" });
    expect(work.outcomes("a")).toEqual(["FAILED", "FAILED", "FAILED"]);
    expect(work.state()).toBe("FAILED");
    expect(work.difference()).toBeNull();
  });

  test("keeps of each attempt who had it, from when to when, and why it failed", () => {
    using work = new Work({ a: { max_attempts: 2 } });
    const startedAtMs = work.clock.wallMs;
    work.acquire();
    work.live(7_000);
    work.fail("a");
    work.acquire();
    expect(work.node("a").attempts).toMatchObject([
      {
        lease_owner: "worker",
        started_at_ms: startedAtMs,
        ended_at_ms: startedAtMs + 7_000,
        outcome: "FAILED",
        error_payload: "a is broken",
      },
      { started_at_ms: startedAtMs + 7_000, ended_at_ms: null, outcome: null, error_payload: null },
    ]);
  });

  test("waits its pause out, which grows, and by chance is shorter", () => {
    using work = new Work({ a: { max_attempts: 4, backoff_secs: 10, backoff_max_secs: 30 } });
    const pauses = [1, 0.5, 0.1].map((random) => {
      work.random = random;
      work.live(30_000);
      work.acquire();
      return (work.fail("a").not_before_ms ?? 0) - work.clock.wallMs;
    });
    expect(pauses).toEqual([10_000, 10_000, 3_000]);
  });

  test("is handed out the moment its pause is over, to one who waits, and not before", () => {
    using work = new Work({ a: { max_attempts: 2, backoff_secs: 20 } });
    work.acquire();
    work.fail("a");
    expect([work.acquire(), work.state()]).toEqual([null, "ACTIVE"]);
    const waiting = work.client();
    waiting.send("AcquireNextNode", { task_id: work.taskId, wait_ms: 60_000 });
    work.settle();
    work.live(9_999);
    expect(waiting.answers).toEqual([]);
    expect(work.dispatcher.msUntilTurn()).toBe(1);
    work.live(1);
    expect(waiting.answers).toMatchObject([{ result: { node_id: work.id("a") } }]);
    expect(work.difference()).toBeNull();
  });

  test("waits on after a restart", () => {
    using work = new Work({ a: { max_attempts: 2, backoff_secs: 20 } });
    work.acquire();
    work.fail("a");
    work.restart();
    const user = work.client();
    const acquired = () => user.call("AcquireNextNode", { task_id: work.taskId });
    work.live(9_999);
    expect(acquired()).toBeNull();
    work.live(1);
    expect(acquired()).not.toBeNull();
  });

  test("lets those that wait for it wait", () => {
    using work = new Work({
      a: { max_attempts: 2 },
      b: { dependencies: ["a"] },
      c: { dependencies: ["a"], on_dependency_failure: "skip" },
    });
    work.acquire();
    work.fail("a");
    expect(work.statuses()).toBe("a PENDING, b PENDING, c PENDING");
  });
});

describe("a lease that expires", () => {
  const ttlMs = 300_000;

  test("five times ends its node, so that one which kills every worker does not loop for ever", () => {
    using work = new Work({ a: {}, b: { dependencies: ["a"], on_dependency_failure: "skip" } });
    for (let n = 1; n <= 5; n++) {
      expect([work.acquire(), work.node("a").lost_attempts]).toEqual(["a", n - 1]);
      work.live(ttlMs);
    }
    const error = { kind: "TOO_MANY_LOST_LEASES", lost_attempts: 5 };
    expect(work.node("a")).toMatchObject({ status: "FAILED", result_payload: error, failed_attempts: 0 });
    expect(work.statuses()).toBe("a FAILED, b FAILED");
    expect(work.outcomes("a")).toEqual(Array.from({ length: 5 }, () => "EXPIRED"));
    expect(work.journal("TIMEOUT_ROLLBACK").length).toBe(4);
    expect(work.journal("FAIL_NODE")).toMatchObject([{ payload: { error, lease_owner: "worker" } }]);
    expect(work.difference()).toBeNull();
  });

  test.each<[string, object, object]>([
    ["the daemon's setting says 0", { maxLostAttempts: 0 }, {}],
    ["the node says 0", {}, { max_lost_attempts: 0 }],
    ["the leases have no length", { nodeTimeoutSecs: 0 }, {}],
  ])("never ends its node where %s", (_, settings, node) => {
    using work = new Work({ a: node }, { settings });
    for (let n = 0; n < 12; n++) {
      expect(work.acquire()).toBe("a");
      work.live(ttlMs);
    }
  });

  test("does not count as a failed attempt, nor a failed attempt as a lost one", () => {
    using work = new Work({ a: { max_attempts: 2, max_lost_attempts: 2 } });
    work.acquire();
    work.live(ttlMs);
    work.acquire();
    expect(work.fail("a").status).toBe("PENDING");
    expect(work.node("a")).toMatchObject({ failed_attempts: 1, lost_attempts: 1 });
  });

  test("tells its worker so", () => {
    using work = new Work({ a: {} });
    work.acquire();
    work.live(ttlMs);
    const { error } = work.user.ask("CompleteNode", { ...work.claim("a"), result_payload: 1 });
    expect(error?.data).toMatchObject({ kind: "LEASE_LOST", reason: "EXPIRED", ended_at_ms: work.clock.wallMs });
  });
});

describe("a node given back", () => {
  test("can be taken at once, and the attempt does not count", () => {
    using work = new Work({ a: {} });
    work.acquire();
    work.release("a");
    expect(work.node("a")).toMatchObject({ status: "PENDING", failed_attempts: 0, lost_attempts: 0 });
    expect(work.acquire()).toBe("a");
    expect(work.outcomes("a")).toEqual(["RELEASED", null]);
    expect(work.difference()).toBeNull();
  });

  test("with a delay is given to nobody before it is over", () => {
    using work = new Work({ a: {} });
    work.acquire();
    work.release("a", 60);
    expect(work.node("a").not_before_ms).toBe(work.clock.wallMs + 60_000);
    work.live(59_000);
    expect(work.acquire()).toBeNull();
    work.live(1_000);
    expect(work.acquire()).toBe("a");
    expect(work.node("a").not_before_ms).toBeNull();
  });

  test("goes to who waits for it", () => {
    using work = new Work({ a: {} });
    work.acquire();
    const waiting = work.client();
    waiting.send("AcquireNextNode", { task_id: work.taskId, wait_ms: 60_000 });
    work.settle();
    work.release("a");
    expect(waiting.answers).toMatchObject([{ result: { node_id: work.id("a") } }]);
  });

  test("does not come back to the worker that gave it back", () => {
    using work = new Work({ a: {} });
    work.acquire();
    const claim = work.claim("a");
    work.release("a");
    const { error } = work.user.ask("HeartbeatNode", claim);
    expect(error?.data).toMatchObject({ kind: "LEASE_LOST", reason: "RELEASED" });
    work.acquire();
    const event = work.user.ask("CommitEvent", { ...claim, payload: "late" });
    expect(event.error?.data).toMatchObject({ kind: "LEASE_LOST", reason: "RELEASED" });
  });

  test("was given back, whatever becomes of its task afterwards", () => {
    using work = new Work({ a: {} });
    work.acquire();
    const claim = work.claim("a");
    work.release("a");
    work.user.call("CancelTask", { task_id: work.taskId, reason: "no use" });
    const { error } = work.user.ask("HeartbeatNode", claim);
    expect(error?.data).toMatchObject({ kind: "LEASE_LOST", reason: "RELEASED" });
  });
});

describe("a retry", () => {
  test("makes a failed node PENDING with all its attempts", () => {
    using work = new Work({ a: { max_attempts: 2 } });
    for (let n = 0; n < 2; n++) {
      work.acquire();
      work.fail("a");
    }
    expect(work.retry("a")).toEqual(["a"]);
    expect(work.node("a")).toMatchObject({ status: "PENDING", failed_attempts: 0, result_payload: null });
    work.acquire();
    expect(work.fail("a").status).toBe("PENDING");
    expect(work.outcomes("a")).toEqual(["FAILED", "FAILED", "FAILED"]);
    expect(work.difference()).toBeNull();
  });

  test("goes to who waits for any task", () => {
    using work = new Work({ a: {} });
    work.acquire();
    work.fail("a");
    const waiting = work.client();
    waiting.send("AcquireNextNode", { wait_ms: 60_000 });
    work.settle();
    work.retry("a");
    expect(waiting.answers).toMatchObject([{ result: { node_id: work.id("a") } }]);
  });
});
