/** A bug to be planted, and who has to find it. */
export interface Mutant {
  name: string;
  /** A part of a file that stands there exactly once, and what takes its place. */
  edits: readonly { file: string; find: string; put: string }[];
  /** A proof by its name, or a test file. */
  caughtBy: string;
}

const one = (name: string, caughtBy: string, file: string, find: string, put: string): Mutant => {
  return { name, caughtBy, edits: [{ file: `src/${file}`, find, put }] };
};

/** Slow catchers first, so that none is waited for at the end. */
export const mutants: readonly Mutant[] = [
  one(
    "synchronous=NORMAL",
    "power-loss",
    "store/files/database.ts",
    'db.run("PRAGMA synchronous = FULL");',
    'db.run("PRAGMA synchronous = NORMAL");',
  ),
  {
    name: "acknowledged before the commit",
    caughtBy: "kill",
    edits: [
      {
        file: "src/store/connection.ts",
        find: "this.#tables.commit.run();",
        put: "setTimeout(() => this.#tables.db.inTransaction && this.#tables.commit.run(), 20);",
      },
      {
        file: "src/store/connection.ts",
        find: "this.#tables.begin.run();",
        put: "if (this.#tables.db.inTransaction) this.#tables.commit.run();\n    this.#tables.begin.run();",
      },
    ],
  },
  one(
    "a commit that fails is acknowledged",
    "failing-io",
    "store/connection.ts",
    "      throw commitFailure(error);",
    "",
  ),
  one(
    "< for <= in the expiry of nodes",
    "model",
    "store/heads/deadlines.ts",
    "(node: NodeEntry) => leaseEndMs(node) <= nowMs;",
    "(node: NodeEntry) => leaseEndMs(node) < nowMs;",
  ),
  one(
    "< for <= in the expiry of locks",
    "model",
    "core/locks/lock.ts",
    "lock.expiresAtMs <= nowMs;",
    "lock.expiresAtMs < nowMs;",
  ),
  one(
    "fencing skipped",
    "model",
    "core/lease/lease.ts",
    "return node.lease?.id === claim.leaseId ? node : leaseLost",
    "return node.lease !== null ? node : leaseLost",
  ),
  one(
    "a seq told twice",
    "model",
    "store/apply.ts",
    "const lease = { ...grant, fencingToken: to.seq };",
    "const lease = { ...grant, fencingToken: to.seq - 1 };",
  ),
  one(
    "a waiter that keeps its place after its client died",
    "test/service/acquire-waiting.test.ts",
    "service/turn/ask.ts",
    "if (slot.session.gone) {",
    "if (slot.session.gone && call.request.id === 0) {",
  ),
  one(
    "a deadlock missed",
    "model",
    "service/locks/locks.ts",
    "return circle === null ? null : deadlock(circle, context.nowMs);",
    "return null;",
  ),
  one(
    "locks of a node not released with it",
    "model",
    "service/nodes/node-locks.ts",
    "if (lease !== null && lease.id !== null) releaseLease(lease.id, context);",
    "",
  ),
  one(
    "a failure that is not counted as an attempt",
    "model",
    "core/dag/node.ts",
    "const failedAttempts = node.failedAttempts + 1;",
    "const failedAttempts = Math.max(1, node.failedAttempts);",
  ),
  one(
    "deadlines moved twice after a commit in doubt",
    "model",
    "service/turn/housekeeping.ts",
    "this.#renew ||= this.#shiftMs !== 0 && this.#nextDeadlineMs !== null;\n    this.#shiftMs = 0;",
    "",
  ),
  one(
    "leases not renewed at the start",
    "model",
    "service/turn/housekeeping.ts",
    "this.#renew = this.#nextDeadlineMs !== null;",
    "this.#renew = false;",
  ),
  one(
    "an idempotency key not remembered",
    "simulation",
    "service/idempotency.ts",
    'if (typeof answer !== "string") return answer;',
    'if (typeof answer !== "string" || !isErrorAnswer(answer)) return answer;',
  ),
  one(
    "deadlines that do not move with the clock",
    "simulation",
    "service/turn/housekeeping.ts",
    "shiftMs: leases ? this.#shiftMs : 0,",
    "shiftMs: 0,",
  ),
  one(
    "an unfair queue",
    "simulation",
    "service/locks/conflicts.ts",
    "if (earlier === wish) return;",
    "if (earlier !== null) return;",
  ),
  one(
    "a shared lock beside an exclusive one",
    "simulation",
    "core/locks/overlap.ts",
    'return a === "shared" && b === "shared";',
    'return a === "shared" || b === "shared";',
  ),
  one(
    "a lock overlap missed",
    "test/core/overlap.test.ts",
    "core/locks/overlap.ts",
    "return a.path === b.path || reaches(a, b) || reaches(b, a);",
    "return a.path === b.path || reaches(a, b);",
  ),
  one(
    "a transaction not rolled back",
    "test/service/storage.test.ts",
    "store/connection.ts",
    'if (this.#closedBy === null && this.#tables.db.inTransaction) this.#tables.db.run("ROLLBACK");',
    'if (this.#closedBy === null && this.#tables.db.inTransaction) this.#tables.db.run("COMMIT");',
  ),
  one(
    "a rollback of what SQLite has rolled back already",
    "test/store/full-disk.test.ts",
    "store/connection.ts",
    'if (this.#closedBy === null && this.#tables.db.inTransaction) this.#tables.db.run("ROLLBACK");',
    'if (this.#closedBy === null) this.#tables.db.run("ROLLBACK");',
  ),
  one(
    "a batch not abandoned",
    "test/service/storage.test.ts",
    "store/sqlite-store.ts",
    "    this.#state = copyHead(this.#committed);\n    this.#heads.undoTo(0);\n",
    "",
  ),
  one("a savepoint not undone", "test/service/turns.test.ts", "store/sqlite-store.ts", "if (!kept) undo.run();", ""),
  one(
    "the parameters of a key not compared",
    "test/service/idempotency.test.ts",
    "service/idempotency.ts",
    "first.method === call.name && first.paramsHash === hashOf(call);",
    "first.method === call.name;",
  ),
  one(
    "a journal hash that is not chained",
    "test/service/verify.test.ts",
    "protocol/chain.ts",
    "return `${previousHash} ${seq}",
    "return `${previousHash.length} ${seq}",
  ),
  one(
    "a bundle decided twice",
    "test/service/bundles.test.ts",
    "core/bundles/bundle.ts",
    'if (found.status !== "SUBMITTED") {',
    'if (found.status === "SUPERSEDED") {',
  ),
  one(
    "a node held back that is never let go",
    "test/service/node-locks.test.ts",
    "store/apply.ts",
    "for (const node of heads.heldBackBy(leaseId)) heads.change(node, { heldBackBy: null });",
    "void leaseId;",
  ),
  one(
    "a turn that serves one client until it has nothing more",
    "test/service/turns.test.ts",
    "service/turn/intake.ts",
    "if (session.queued > 0) this.#ready.add(session);\n    }\n    return taken;",
    "if (session.queued > 0) this.#ready = new Set([session, ...this.#ready]);\n    }\n    return taken;",
  ),
];
