import { describe, expect, test } from "bun:test";
import type { ParamsInput } from "../../src/protocol/methods.ts";
import type { ErrorKind } from "../../src/protocol/errors.ts";
import { acquire, nthId, type TestClient, TestService } from "./harness.ts";

type Submission = ParamsInput<"SubmitPatchBundle">;

const base = "1".repeat(40);
const target = "2".repeat(40);

/** A diff that replaces these lines of these files. */
const edits = (...files: [path: string, ...lines: number[]][]) =>
  files
    .map(([path, ...lines]) => {
      const hunks = lines.map((line) => `@@ -${line} +${line} @@\n-a\n+b\n`).join("");
      return `diff --git a/${path} b/${path}\nindex 1111..2222 100644\n--- a/${path}\n+++ b/${path}\n${hunks}`;
    })
    .join("");

const passed = [{ command: "bun test", exit_code: 0 }];

/** A verified bundle that edits lines of files. */
function submission(files: [string, ...number[]][], more: Partial<Submission> = {}): Submission {
  return {
    provider: "codex",
    owner: "ann",
    scope: "repository",
    base_revision: base,
    touched_paths: files.map(([path]) => path),
    diff: edits(...files),
    diff_exact: true,
    diff_summary: "s",
    confidence: "medium",
    verification: passed,
    ...more,
  };
}

const submit = (client: TestClient, files: [string, ...number[]][], more: Partial<Submission> = {}) =>
  client.call("SubmitPatchBundle", submission(files, more));

describe("a submission tells which open bundles it meets", () => {
  test.each<[string, [string, ...number[]][], Partial<Submission>, string | undefined]>([
    ["in other lines", [["src/a", 9]], {}, "compatible"],
    ["in the same line", [["src/a", 2]], {}, "overlapping"],
    ["in the same way", [["src/a", 1]], {}, "identical"],
    ["from another base", [["src/a", 9]], { base_revision: target }, "unknown"],
    ["in a directory of its name", [["src/a/b", 1]], {}, "overlapping"],
    ["in other files", [["src/b", 1]], {}, undefined],
    ["in another scope", [["src/a", 1]], { scope: "other" }, undefined],
  ])("%s", (_, files, more, relation) => {
    using service = new TestService();
    const client = service.client();
    const first = submit(client, [["src/a", 1]]);
    const { overlaps } = submit(client, files, { owner: "bob", ...more });
    const expected = relation === undefined ? [] : [{ bundle_id: first.bundle_id, owner: "ann", relation }];
    expect(overlaps).toMatchObject(expected);
  });

  test("and none that is decided, nor the one it takes the place of", () => {
    using service = new TestService();
    const client = service.client();
    const first = submit(client, [["a", 1]]);
    const second = submit(client, [["a", 2]], { supersedes: first.bundle_id });
    expect(second.overlaps).toEqual([]);
    expect(client.call("GetPatchBundle", first).bundle).toMatchObject({
      status: "SUPERSEDED",
      decision: { decision: "superseded", decided_by: "ann", alternatives: [second.bundle_id] },
    });
    expect(submit(client, [["a", 1]]).overlaps).toMatchObject([{ bundle_id: second.bundle_id }]);
  });
});

describe("a submission is refused", () => {
  test.each<[string, Partial<Submission>, ErrorKind, string]>([
    ["with neither diff nor head", { diff: null }, "INVALID_PARAMS", "a diff or a head_revision"],
    ["with paths its diff does not have", { touched_paths: ["a", "b"] }, "INVALID_PARAMS", '"b"'],
    ["without paths its diff has", { diff: edits(["a", 1], ["b", 1]) }, "INVALID_PARAMS", '"b"'],
    [
      "with a path into .git",
      { touched_paths: [".GIT/config"], diff: null, head_revision: base },
      "INVALID_PARAMS",
      ".git",
    ],
    [
      "with a path that climbs",
      { touched_paths: ["../x"], diff: null, head_revision: base },
      "INVALID_PARAMS",
      "lead out",
    ],
    ["with a base that is no revision", { base_revision: "main" }, "INVALID_PARAMS", "object id"],
    [
      "with hunks that lie",
      { diff: edits(["a", 1]).replace("-1 +1", "-1,9 +1") },
      "INVALID_PARAMS",
      "the diff cannot be used",
    ],
    ["with a lease and no node", { task_id: null, lease_id: nthId(1) }, "INVALID_PARAMS", "task_id"],
  ])("%s", (_, more, kind, message) => {
    using service = new TestService();
    const { error } = service.client().ask("SubmitPatchBundle", submission([["a", 1]], more));
    expect(error?.data.kind).toBe(kind);
    expect(error?.message).toContain(message);
    expect(service.store.reads.head.seq).toBe(0);
  });

  test("for a node whose lease is gone, and taken while it runs, which meets a policy's demand", () => {
    using service = new TestService();
    const client = service.client();
    const policy = { require_bundle: true };
    const { task_id } = client.call("RegisterTask", { goal: "g", policy, initial_nodes: [{}] });
    const { claim } = acquire(client, task_id);
    expect(client.refusal("CompleteNode", { ...claim, result_payload: 1 })).toBe("POLICY_UNMET");
    submit(client, [["a", 1]], claim);
    client.call("CompleteNode", { ...claim, result_payload: 1 });
    expect(client.refusal("SubmitPatchBundle", submission([["a", 1]], claim))).toBe("INVALID_STATE");
    expect(client.call("ListPatchBundles", { task_id }).bundles).toHaveLength(1);
  });
});

test("a conflict of a task's patch that is for no node is not among the events its workers get", () => {
  using service = new TestService();
  const client = service.client();
  const { task_id } = client.call("RegisterTask", { goal: "g", initial_nodes: [{}, {}] });
  client.call("AcquireResourceLock", { resource_key: "file:a", scope: "repository", owner: "bob" });
  submit(client, [["a", 1]], { task_id });
  const { claim, context } = acquire(client, task_id);
  expect(context.event_journal).toEqual([]);
  submit(client, [["a", 1]], claim);
  expect(acquire(client, task_id).context.event_journal).toMatchObject([
    { node_id: claim.node_id, action_type: "conflict" },
  ]);
  expect(client.call("ListEvents", { action_types: ["conflict"] }).events).toHaveLength(2);
});

test("a patch in what others have locked is journalled as a conflict, once for each lease", () => {
  using service = new TestService();
  const client = service.client();
  const scope = "repository";
  client.call("AcquireResourceLocks", {
    locks: [{ resource_key: "dir:src" }],
    owner: "bob",
    provider: "antigravity",
    scope,
  });
  client.call("AcquireResourceLocks", { locks: [{ resource_key: "file:c" }], owner: "ann", provider: "codex", scope });
  const { bundle_id } = submit(client, [
    ["src/a", 1],
    ["src/b", 1],
    ["c", 1],
  ]);
  expect(client.call("ListEvents", { action_types: ["conflict"] }).events).toMatchObject([
    {
      origin: "daemon",
      payload: { paths: ["src/a", "src/b"], with: { owner: "bob", provider: "antigravity" }, bundle_id },
    },
  ]);
  expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true, bundles: 1 });
});

describe("a comparison", () => {
  test("says what to do with each bundle, why, and in which order", () => {
    using service = new TestService();
    const client = service.client();
    const sure = submit(client, [["a", 1]], { confidence: "high" }).bundle_id;
    const unsure = submit(client, [["a", 2]], { owner: "bob", confidence: "low" }).bundle_id;
    const stale = submit(client, [["b", 1]], { base_revision: "3".repeat(40) }).bundle_id;
    const broken = submit(client, [["c", 1]], { verification: [{ command: "make", exit_code: 2 }] }).bundle_id;
    const unverified = submit(client, [["d", 1]], { verification: [] }).bundle_id;
    const report = client.call("ComparePatchBundles", {
      scope: "repository",
      target_revision: base,
      changed_since: { ["3".repeat(40)]: ["b"] },
    });
    const advice = Object.fromEntries(
      report.bundles.map(({ bundle_id, recommendation }) => [bundle_id, recommendation]),
    );
    expect(advice).toEqual({
      [sure]: "choose",
      [unsure]: "choose",
      [stale]: "rebase",
      [broken]: "reject",
      [unverified]: "verify",
    });
    expect(report.bundles.find(({ bundle_id }) => bundle_id === unsure)).toMatchObject({
      less_confident_than: [sure],
      stale: false,
    });
    expect(report.bundles.find(({ bundle_id }) => bundle_id === stale)).toMatchObject({
      stale: true,
      changed_since: ["b"],
    });
    expect(report.merge_order).toEqual(
      [sure, unsure, unverified, stale].toSorted(
        (x, y) => report.merge_order.indexOf(x) - report.merge_order.indexOf(y),
      ),
    );
    expect(report.merge_order[0]).toBe(sure);
    expect(report.pairs[0]).toMatchObject({ a: sure, b: unsure, relation: "overlapping", certain: true, paths: ["a"] });
    expect(report.pairs[0]?.ranges[0]).toMatchObject({
      path: "a",
      a: [{ start: 1, lines: 1 }],
      b: [{ start: 2, lines: 1 }],
    });
  });

  test("of the same bundles is the same in any order, and of none is empty", () => {
    using service = new TestService();
    const client = service.client();
    const ids = [1, 2, 9].map((line) => submit(client, [["a", line]], { owner: `${line}` }).bundle_id);
    const compared = client.call("ComparePatchBundles", { bundle_ids: ids });
    expect(client.call("ComparePatchBundles", { bundle_ids: ids.toReversed() })).toEqual(compared);
    expect(client.call("ComparePatchBundles", { scope: "nobody's" })).toEqual({
      pairs: [],
      bundles: [],
      merge_order: [],
    });
    expect(client.refusal("ComparePatchBundles", {})).toBe("INVALID_PARAMS");
  });

  test("lets other clients have their turns in between", () => {
    using service = new TestService();
    const client = service.client();
    for (let n = 0; n < 50; n++) submit(client, [[`src/${n}`, 1]]);
    client.send("ComparePatchBundles", { scope: "repository" });
    const bystander = service.client();
    let asked = 0;
    while (service.turn()) {
      bystander.send("Health", {});
      asked++;
    }
    expect(asked).toBeGreaterThanOrEqual(50);
    expect(client.read().result).toMatchObject({ merge_order: expect.any(Array) as never });
  });
});

describe("a bundle", () => {
  test("is decided on once, with what it was chosen over", () => {
    using service = new TestService();
    const client = service.client();
    const [first, second] = [submit(client, [["a", 1]]), submit(client, [["a", 2]])];
    const decision = {
      bundle_id: first.bundle_id,
      decision: "accepted",
      reason: "smaller",
      decided_by: "boss",
    } as const;
    const accepted = { ...decision, merged_revision: target, alternatives: [second.bundle_id] };
    expect(client.call("DecidePatchBundle", accepted)).toMatchObject({ ok: true, status: "ACCEPTED" });
    expect(client.refusal("DecidePatchBundle", { ...decision, decision: "rejected" })).toBe("INVALID_STATE");
    expect(client.call("GetPatchBundle", first).bundle).toMatchObject({
      status: "ACCEPTED",
      touched_paths: ["a"],
      diff: edits(["a", 1]),
      decision: {
        decision: "accepted",
        reason: "smaller",
        decided_by: "boss",
        merged_revision: target,
        alternatives: [second.bundle_id],
      },
    });
    expect(
      client.refusal("DecidePatchBundle", {
        ...decision,
        bundle_id: second.bundle_id,
        alternatives: [service.newId()],
      }),
    ).toBe("NOT_FOUND");
    expect(client.call("ListEvents", { action_types: ["DECIDE_PATCH_BUNDLE"] }).events).toMatchObject([
      { payload: { status: "ACCEPTED" } },
    ]);
  });

  test("is listed newest first, by what is asked for, a page at a time, and survives a restart", () => {
    using service = new TestService();
    const first = service.client();
    const ids = ["ann", "bob", "ann"].map((owner, n) => submit(first, [[`f${n}`, 1]], { owner }).bundle_id);
    service.restart();
    const client = service.client();
    const listed = (params: ParamsInput<"ListPatchBundles">) =>
      client.call("ListPatchBundles", params).bundles.map(({ bundle_id }) => ids.indexOf(bundle_id));
    expect(listed({})).toEqual([2, 1, 0]);
    expect(listed({ owner: "ann" })).toEqual([2, 0]);
    expect(listed({ scope: "other" })).toEqual([]);
    expect(listed({ limit: 1, before: ids[2] ?? null })).toEqual([1]);
    expect(client.call("ComparePatchBundles", { scope: "repository" }).merge_order).toHaveLength(3);
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true, bundles: 3 });
  });
});
