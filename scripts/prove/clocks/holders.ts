import { Client } from "../../../src/client/client.ts";
import { oneNode } from "../../../src/protocol/methods/nodes.ts";
import { Disproved } from "../proof.ts";

/** A node or a lock, and what the journal calls it when its lease runs out. */
interface Lease {
  name: string;
  renew: () => Promise<unknown>;
}

const renewMs = 400;

/**
 * Holders of nodes and locks at a daemon: those who live renew their leases as often as they should, the dead never do.
 * The journal tells in the end whose lease ran out.
 */
export class Holders implements Disposable {
  readonly #client: Client;
  readonly #ttlSecs: number;
  readonly #live = new Set<string>();
  readonly #dead = new Set<string>();
  readonly #renewing: Promise<void>[] = [];
  /** The first renewal that was refused. */
  #refused: string | null = null;
  #over = false;

  private constructor(client: Client, ttlSecs: number) {
    this.#client = client;
    this.#ttlSecs = ttlSecs;
  }

  /** So many who live, each with a node and a lock. */
  static async join(socket: string, count: number, ttlSecs: number): Promise<Holders> {
    const holders = new Holders(await Client.connect(socket), ttlSecs);
    for (let n = 0; n < count; n++) {
      for (const lease of [await holders.#takeNode(), await holders.#takeLock()]) {
        holders.#live.add(lease.name);
        holders.#renewing.push(holders.#renew(lease));
      }
    }
    return holders;
  }

  /** One more node and one more lock, whose holder is never heard of again. */
  async addDead(): Promise<void> {
    for (const lease of [await this.#takeNode(), await this.#takeLock()]) this.#dead.add(lease.name);
  }

  /** No live lease has run out, and how many dead ones have. @throws {Disproved} */
  async count(): Promise<{ live: number; expired: number; dead: number }> {
    if (this.#refused !== null) throw new Disproved(this.#refused);
    const action_types = ["TIMEOUT_ROLLBACK", "EXPIRE_RESOURCE_LOCK", "TAKE_OVER_RESOURCE_LOCK"];
    const { events } = await this.#client.call("ListEvents", { action_types, limit: 1_000 });
    const expired = events.map(({ node_id, payload }) => node_id ?? (payload as { lease_id: string }).lease_id);
    const wrong = expired.find((name) => !this.#dead.has(name));
    if (wrong !== undefined) throw new Disproved(`the live lease of ${wrong} ran out`);
    return { live: this.#live.size, expired: expired.length, dead: this.#dead.size };
  }

  /** Waits until all dead leases have run out; those of the living go on. @throws {Disproved} when it takes too long */
  async burial(withinMs: number): Promise<{ live: number; expired: number }> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const found = await this.count();
      if (found.expired === found.dead) break;
      if (performance.now() > deadline) {
        throw new Disproved(`${found.dead - found.expired} of ${found.dead} dead leases have not run out`);
      }
      await Bun.sleep(50);
    }
    this.#over = true;
    await Promise.all(this.#renewing);
    return this.count();
  }

  async #renew(lease: Lease): Promise<void> {
    while (!this.#over) {
      try {
        await lease.renew();
      } catch (error) {
        this.#refused ??= `the live lease of ${lease.name} was not renewed: ${String(error)}`;
        return;
      }
      await Bun.sleep(renewMs);
    }
  }

  async #takeNode(): Promise<Lease> {
    const { task_id } = await this.#client.call("RegisterTask", { goal: "hold", initial_nodes: [{}] });
    const ttl_secs = this.#ttlSecs;
    const taken = oneNode(await this.#client.call("AcquireNextNode", { task_id, lease_owner: "holder", ttl_secs }));
    if (taken === null) throw new Disproved("a new node was not to be had");
    const { node_id, lease_id } = taken;
    const renew = async () => this.#client.call("HeartbeatNode", { task_id, node_id, lease_id, ttl_secs });
    return { name: node_id, renew };
  }

  async #takeLock(): Promise<Lease> {
    const resource_key = `file:${crypto.randomUUID()}`;
    const ttl_secs = this.#ttlSecs;
    const lock = await this.#client.call("AcquireResourceLock", { resource_key, owner: "holder", ttl_secs });
    if (lock === null) throw new Disproved("a new lock was not to be had");
    const { lease_id } = lock;
    const renew = async () => this.#client.call("HeartbeatResourceLock", { resource_key, lease_id, ttl_secs });
    return { name: lease_id, renew };
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#client.close();
  }
}
