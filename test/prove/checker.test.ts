import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check } from "../../scripts/prove/kill/checker.ts";
import { Place } from "../../scripts/prove/place.ts";
import { lacks } from "./needs.ts";
import { started, Story } from "./story.ts";

const skipped = lacks("what the checker of histories finds", "python3");

type Forgery = [what: string, found: string[], forge: (story: Story) => void];

const forgeries: Forgery[] = [
  ["a row left out", ["journal", "lost"], (story) => void story.rows.splice(2, 1)],
  ["an action nobody knows", ["journal"], (story) => story.row("SHUFFLE_NODES", {})],
  ["a row of what was never registered", ["journal"], (story) => story.row("RELEASE_NODE", {}, { node_id: "M" })],
  ["an acknowledged event that is another's", ["lost"], (story) => (story.at(3).id = "E9")],
  ["an acknowledged event with another payload", ["lost"], (story) => (story.at(3).payload = { text: "?" })],
  ["an acknowledged lock of another lease", ["lost"], (story) => (story.at(7).payload.lease_id = "K9")],
  ["an answer from beyond the journal's end", ["lost"], (story) => story.ask("A", "x", "Health", {}, { last_seq: 99 })],
  ["an event applied twice", ["twice"], (story) => story.row("COMMIT_EVENT", { key: "late" }, { node_id: "N" })],
  [
    "a lock given twice for one request",
    ["twice"],
    (story) =>
      story.row("ACQUIRE_RESOURCE_LOCK", { locks: [{ resource_key: "L" }], lease_id: "L1", metadata: { key: "lock" } }),
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
    (story) => story.row("ACQUIRE_RESOURCE_LOCK", { locks: [{ resource_key: "K" }], lease_id: "K3" }),
  ],
  [
    "two holders of a lock by the clock",
    ["exclusion", "real-time"],
    (story) => {
      story.of("free").sent = 900;
      story.of("free").received = 905;
    },
  ],
  [
    "a lease that ended before its time",
    ["expiry"],
    (story) => {
      story.row("EXPIRE_RESOURCE_LOCK", { locks: [{ resource_key: "K" }], lease_id: "K2" });
      const lease_expires_at_ms = Date.parse(started) + 1;
      story.answer("lock again", { result: { lease_id: "K2", fencing_token: 7, seq: 7, lease_expires_at_ms } });
    },
  ],
  ["a completion under another lease", ["stale"], (story) => (story.of("done").params.lease_id = "N9")],
  ["an event under another lease", ["stale"], (story) => (story.of("event").params.lease_id = "N9")],
  [
    "a lock released under another lease",
    ["stale"],
    (story) => story.row("RELEASE_RESOURCE_LOCK", { locks: [{ resource_key: "K" }], lease_id: "K1" }),
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
];

/** What the checker finds in each story; all are judged by one run of it. */
async function judged(stories: readonly Story[]): Promise<string[][]> {
  using place = new Place("checker-test");
  const lines = (items: readonly object[]) => items.map((item) => `${JSON.stringify(item)}\n`).join("");
  const directories = stories.map(({ attempts, rows }, n) => {
    const directory = join(place.path, String(n));
    mkdirSync(directory);
    const clients = Map.groupBy(attempts, ({ client }) => client);
    for (const [client, its] of clients) writeFileSync(join(directory, `history-${client}.jsonl`), lines(its));
    writeFileSync(join(directory, "journal.jsonl"), lines(rows));
    return directory;
  });
  const found = await check(...directories);
  return found.map(({ violations }) => [...new Set(violations.map(({ property }) => property))].toSorted());
}

describe.skipIf(skipped)("the checker", () => {
  test("finds nothing in a history that is right", async () => {
    expect(await judged([new Story()])).toEqual([[]]);
  });

  test("finds every forgery, and names what it breaks", async () => {
    const stories = forgeries.map(([, , forge]) => {
      const story = new Story();
      forge(story);
      return story;
    });
    const found = await judged(stories);
    const told = forgeries.map(([what], n) => [what, found[n]]);
    expect(told).toEqual(forgeries.map(([what, properties]) => [what, properties]));
  });
});
