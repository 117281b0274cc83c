import { Client } from "../../../src/client/client.ts";
import { RequestRefused } from "../../../src/client/refusals.ts";
import { oneNode } from "../../../src/protocol/methods/nodes.ts";
import type { Chance } from "../chance.ts";
import { Disproved } from "../proof.ts";

const nodes = 100;
const workers = 6;
const locks = 4;
const waitMs = 200;
const scope = "/soak";
const revision = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/**
 * Everybody who works on a task that never ends: workers that wait for nodes and locks, renew, tell, fail and are tried
 * again; one that hands in bundles and decides on them; one that follows the journal.
 */
export class Crew implements Disposable {
  readonly #socket: string;
  readonly #chance: Chance;
  readonly #pauseMs: number;
  readonly #clients: Client[] = [];
  readonly #working: Promise<void>[] = [];
  #over = false;
  /** Nodes worked on, and rows of the journal that a follower was given. */
  rounds = 0;
  followed = 0;

  /** Each pauses so long between two things, at most. */
  constructor(socket: string, chance: Chance, pauseMs: number) {
    this.#socket = socket;
    this.#chance = chance;
    this.#pauseMs = pauseMs;
  }

  async start(): Promise<void> {
    const client = await this.#client();
    const initial_nodes = Array.from({ length: nodes }, (_, n) => ({ name: `node ${n}` }));
    const { task_id } = await client.call("RegisterTask", { goal: "never ends", initial_nodes });
    for (let n = 0; n < workers; n++) this.#working.push(this.#work(task_id, `worker-${n}`));
    this.#working.push(this.#bundle(), this.#follow());
    for (const work of this.#working) work.catch(() => (this.#over = true));
  }

  /** Whether somebody could not go on. */
  get over(): boolean {
    return this.#over;
  }

  /** Ends all work. @throws {Disproved} when somebody was refused something */
  async stop(): Promise<void> {
    this.#over = true;
    try {
      await Promise.all(this.#working);
    } catch (error) {
      if (error instanceof RequestRefused) throw new Disproved(`a right request was refused: ${error.message}`);
      throw error;
    }
  }

  async #client(): Promise<Client> {
    const client = await Client.connect(this.#socket);
    this.#clients.push(client);
    return client;
  }

  async #pause(): Promise<void> {
    await Bun.sleep(this.#chance.next() * this.#pauseMs);
  }

  async #work(task_id: string, owner: string): Promise<void> {
    const client = await this.#client();
    while (!this.#over) {
      const taken = oneNode(await client.call("AcquireNextNode", { task_id, lease_owner: owner, wait_ms: waitMs }));
      if (taken === null) continue;
      const node = { task_id, node_id: taken.node_id, lease_id: taken.lease_id };
      const lock = { resource_key: `file:src/${this.#chance.below(locks)}.rs`, scope, owner, wait_ms: waitMs };
      const held = await client.call("AcquireResourceLock", lock);
      await this.#pause();
      await client.call("HeartbeatNode", { ...node, progress: { percent: this.#chance.below(101), message: "on it" } });
      await client.call("CommitEvent", { ...node, payload: { text: "x".repeat(this.#chance.below(500)) } });
      await this.#pause();
      if (held !== null) {
        const { resource_key, lease_id } = held;
        await client.call("HeartbeatResourceLock", { resource_key, scope, lease_id });
        await client.call("ReleaseResourceLock", { resource_key, scope, lease_id });
      }
      if (this.#chance.happens(0.3)) await client.call("ReleaseNode", node);
      else {
        await client.call("FailNode", { ...node, error_payload: { message: "once more" } });
        await client.call("RetryNode", { task_id, node_id: node.node_id });
      }
      this.rounds++;
      await this.#pause();
    }
  }

  async #bundle(): Promise<void> {
    const client = await this.#client();
    while (!this.#over) {
      const path = `src/${this.#chance.below(locks)}.rs`;
      const { bundle_id } = await client.call("SubmitPatchBundle", {
        provider: "soak",
        owner: "bundler",
        scope,
        base_revision: revision,
        touched_paths: [path],
        diff: `diff --git a/${path} b/${path}\nindex 0b5fa63..d6d6899 100644\n--- a/${path}\n+++ b/${path}\n@@ -1 +1 @@\n-a\n+${this.#chance.below(1_000)}\n`,
        diff_summary: "one line",
        confidence: "low",
      });
      await client.call("ComparePatchBundles", { bundle_ids: [bundle_id] });
      await client.call("DecidePatchBundle", {
        bundle_id,
        decision: "rejected",
        reason: "it goes on",
        decided_by: "soak",
      });
      for (let n = 0; n < 10 && !this.#over; n++) await this.#pause();
    }
  }

  async #follow(): Promise<void> {
    const client = await this.#client();
    let after_seq = 0;
    while (!this.#over) {
      const page = await client.call("ListEvents", { after_seq, wait_ms: waitMs });
      this.followed += page.events.length;
      after_seq = page.next_after_seq;
    }
  }

  [Symbol.dispose](): void {
    this.#over = true;
    for (const client of this.#clients) client.close();
  }
}
