import { TestService } from "../../../test/service/harness.ts";
import { oneNode } from "../../../src/protocol/methods/nodes.ts";
import type { Chance } from "../chance.ts";
import { Disproved } from "../proof.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const jumpsMs = [hourMs, -hourMs, 10 * dayMs, -10 * dayMs];
const holders = 6;
const steps = 40;

/** A lease as its holder sees it: how long the daemon has lived since it was renewed is all that counts. */
interface Held {
  what: string;
  ttlMs: number;
  /** By `Story`'s own count. */
  renewedAtMs: number;
  /** Its holder renews it for as long as this is so. */
  alive: boolean;
  renew: () => void;
  isThere: () => boolean;
}

/**
 * The service in process, under clocks that jump, stand still and run on while it is down. Beside it, time is counted
 * as simply as can be: the milliseconds in which it could have heard a heartbeat. A lease is there for exactly its own.
 */
export class Story implements Disposable {
  readonly #service = new TestService();
  readonly #chance: Chance;
  readonly #held: Held[] = [];
  #livedMs = 0;
  /** Jumps of a clock, pauses and restarts so far. */
  jumps = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Leases that nobody renewed and that have run out. */
  get ended(): number {
    return this.#held.filter(({ isThere }) => !isThere()).length;
  }

  /** @throws {Disproved} */
  tell(): void {
    for (let n = 0; n < holders; n++) this.#take(n);
    for (let step = 0; step < steps; step++) {
      this.#go();
      this.#compare();
    }
    const verified = this.#service.client().call("VerifyJournal", {});
    if (!verified.ok) throw new Disproved(`VerifyJournal: ${JSON.stringify(verified)}`);
  }

  #go(): void {
    const { clock } = this.#service;
    const wish = this.#chance.below(10);
    if (wish < 3) {
      this.#disturb(() => (clock.wallMs += this.#chance.of(jumpsMs)));
    } else if (wish < 4) {
      this.#disturb(() => this.#service.pass(1_001 + this.#chance.below(hourMs)));
      this.#service.settle();
    } else if (wish < 5) {
      this.#disturb(() => this.#service.restart(() => this.#service.pass(this.#chance.below(dayMs))));
      // A restart gives every lease its full time again.
      for (const held of this.#held) if (held.isThere()) held.renewedAtMs = this.#livedMs;
    } else if (wish < 8) {
      this.#live(1 + this.#chance.below(20_000));
    } else {
      const held = this.#chance.of(this.#held);
      // Some die; in their place comes another.
      if (held.alive && this.#chance.happens(0.3)) held.alive = false;
      else this.#take(this.#held.length);
    }
  }

  #disturb(how: () => void): void {
    this.jumps++;
    how();
  }

  /** Time in which heartbeats are heard: whoever lives renews in time, if only just. */
  #live(ms: number): void {
    for (let left = ms; left > 0;) {
      const due = this.#held.filter(({ alive }) => alive);
      const untilDue = Math.min(...due.map(({ renewedAtMs, ttlMs }) => renewedAtMs + ttlMs - 1 - this.#livedMs));
      const part = Math.max(1, Math.min(left, untilDue));
      this.#service.live(part);
      this.#livedMs += part;
      left -= part;
      this.#compare();
      for (const held of due) {
        const leftMs = held.renewedAtMs + held.ttlMs - this.#livedMs;
        if (leftMs <= 1 || this.#chance.happens(0.2)) this.#renew(held);
      }
    }
  }

  #renew(held: Held): void {
    held.renew();
    held.renewedAtMs = this.#livedMs;
  }

  #compare(): void {
    for (const { what, ttlMs, renewedAtMs, isThere } of this.#held) {
      const age = this.#livedMs - renewedAtMs;
      const should = age < ttlMs;
      if (isThere() !== should) {
        throw new Disproved(
          `${what}, renewed ${age} ms of the daemon's life ago for ${ttlMs} ms, ${should ? "is gone" : "is still there"}`,
        );
      }
    }
  }

  #take(n: number): void {
    const ttl_secs = 1 + this.#chance.below(60);
    const common = { ttlMs: ttl_secs * 1_000, renewedAtMs: this.#livedMs, alive: this.#chance.happens(0.7) };
    this.#held.push(n % 2 === 0 ? this.#takeNode(ttl_secs, common) : this.#takeLock(ttl_secs, common));
  }

  #takeNode(ttl_secs: number, common: Pick<Held, "ttlMs" | "renewedAtMs" | "alive">): Held {
    const { task_id } = this.#ask().call("RegisterTask", { goal: "hold", initial_nodes: [{}] });
    const taken = oneNode(this.#ask().call("AcquireNextNode", { task_id, lease_owner: "holder", ttl_secs }));
    if (taken === null) throw new Disproved("a new node was not to be had");
    const claim = { task_id, node_id: taken.node_id, lease_id: taken.lease_id };
    return {
      ...common,
      what: `the node ${claim.node_id}`,
      renew: () => void this.#ask().call("HeartbeatNode", { ...claim, ttl_secs }),
      isThere: () => this.#ask().call("TaskStatus", { task_id }).nodes[0]?.lease_id === claim.lease_id,
    };
  }

  #takeLock(ttl_secs: number, common: Pick<Held, "ttlMs" | "renewedAtMs" | "alive">): Held {
    const resource_key = `file:${this.#held.length}`;
    const lock = this.#ask().call("AcquireResourceLock", { resource_key, owner: "holder", ttl_secs });
    if (lock === null) throw new Disproved("a new lock was not to be had");
    const claim = { resource_key, lease_id: lock.lease_id };
    return {
      ...common,
      what: `the lock on ${resource_key}`,
      renew: () => void this.#ask().call("HeartbeatResourceLock", { ...claim, ttl_secs }),
      isThere: () =>
        this.#ask()
          .call("ListResourceLocks", {})
          .locks.some(({ lease_id }) => lease_id === claim.lease_id),
    };
  }

  /** A restart leaves no connection behind. */
  #ask() {
    return this.#service.client();
  }

  [Symbol.dispose](): void {
    this.#service[Symbol.dispose]();
  }
}
