import { describe, expect, test } from "bun:test";
import { checkArchive } from "../../src/client/archive.ts";
import type { Result } from "../../src/protocol/methods.ts";
import { oneNode } from "../../src/protocol/methods/nodes.ts";
import { type TestClient, TestService } from "./harness.ts";

/* Verification is what judges: it replays what is left of the journal, and compares it with the tables. */

const day = 86_400_000;
const month = 30 * 86_400;
const stories = Number(process.env.AGENTD_TEST_PRUNE_STORIES ?? 12);

describe("stories of everything, pruned again and again", () => {
  test.each(Array.from({ length: stories }, (_, index) => index + 1))("story %d stays consistent", async (seed) => {
    using service = new TestService();
    const random = randomFrom(seed);
    const archives: string[] = [];
    for (let chapter = 0; chapter < 12; chapter++) {
      let client = service.client();
      write(client, random);
      service.pass(Math.floor(random() * 20 * day));
      // Long leases end in silence.
      if (random() < 0.5) service.live(1_000);
      client.send("PruneJournal", { older_than_secs: Math.floor(random() * month) });
      if (random() < 0.3) {
        for (let turns = Math.floor(random() * 12); turns > 0; turns--) service.turn();
        service.restart();
        client = service.client();
      } else {
        service.settle();
        const { error, result } = client.read();
        expect(error).toBeUndefined();
        archives.push(...(result as { archives: string[] }).archives);
      }
      expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true, first_difference: null });
      expect(service.bugs).toEqual([]);
    }
    for (const archive of archives) expect(await checkArchive(archive)).toMatchObject({ fault: null });
  });
});

/** Some of everything: tasks that end or do not, leases that mix tasks, bundles that are decided or stay open. */
function write(client: TestClient, random: () => number): void {
  const tasks = client.call("ListTasks", { limit: 50 }).tasks.map(({ id }) => id);
  for (let n = 0; n < 25; n++) {
    const some = () => (random() < 0.4 ? undefined : tasks[Math.floor(random() * tasks.length)]);
    const dice = random();
    const act = acts.find(([below]) => dice < below)?.[1];
    act?.({ client, random, some, n });
  }
}

interface Occasion {
  client: TestClient;
  random: () => number;
  /** Any of the tasks, or none. */
  some: () => string | undefined;
  n: number;
}

/** What happens, each up to which throw of the dice. */
const acts: [below: number, act: (occasion: Occasion) => void][] = [
  [0.15, register],
  [0.45, work],
  [0.75, lock],
  [0.9, submit],
  [1, cancel],
];

function register({ client, random, n }: Occasion): void {
  const resources = random() < 0.5 ? [{ resource_key: `file:${n}` }] : [];
  client.ask("RegisterTask", { goal: "g", initial_nodes: [{ resources }, {}] });
}

function work({ client, random, some, n }: Occasion): void {
  const task_id = some();
  if (task_id === undefined) return;
  const got = client.ask("AcquireNextNode", { task_id, ttl_secs: 86_400 });
  const { node_id, lease_id } = oneNode((got.result ?? null) as Result<"AcquireNextNode">) ?? nobody;
  if (random() < 0.5) client.ask("CompleteNode", { task_id, node_id, lease_id, result_payload: n });
  else client.ask("FailNode", { task_id, node_id, lease_id, error_payload: n });
}

/** A node that nobody has. */
const nobody = { node_id: "00000000-0000-4000-8000-ffffffffffff", lease_id: "none" };

function lock({ client, random, some, n }: Occasion): void {
  const ttl_secs = 1 + Math.floor(random() * month);
  const keys = [`file:${Math.floor(random() * 9)}`, `file:x/${Math.floor(random() * 9)}`];
  const locks = keys.map((resource_key) => ({ resource_key, mode: random() < 0.5 ? "shared" : "exclusive" }) as const);
  const got = client.ask("AcquireResourceLocks", { owner: "ann", locks, ttl_secs, task_id: some() ?? null });
  const lease_id = (got.result as { lease_id: string } | null | undefined)?.lease_id;
  if (lease_id === undefined) return;
  const more = { owner: "ann", lease_id, task_id: some() ?? null, locks: [{ resource_key: `file:y/${n}` }] };
  if (random() < 0.3) client.ask("AcquireResourceLocks", more);
  for (const resource_key of keys) {
    if (random() < 0.6) client.ask("ReleaseResourceLock", { resource_key, lease_id });
  }
}

function submit({ client, random, some, n }: Occasion): void {
  const bundle = { provider: "p", owner: "ann", scope: "s", base_revision: "a".repeat(40), diff_summary: "s" };
  const rest = { touched_paths: [`f${n}`], confidence: "low" as const, head_revision: "b".repeat(40) };
  const got = client.ask("SubmitPatchBundle", { ...bundle, ...rest, task_id: some() ?? null });
  const bundle_id = (got.result as { bundle_id: string } | undefined)?.bundle_id;
  if (bundle_id === undefined || random() < 0.4) return;
  client.ask("DecidePatchBundle", { bundle_id, decision: "rejected", decided_by: "ann", reason: "r" });
}

function cancel({ client, some }: Occasion): void {
  const task_id = some();
  if (task_id !== undefined) client.ask("CancelTask", { task_id, reason: "enough" });
}

/** The same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
