import { expect } from "bun:test";
import type { Answer } from "../harness.ts";
import type { Row } from "./journal.ts";
import { collide, isSame, type ModelKey, modelKey } from "./keys.ts";
import type { Ask } from "./reference.ts";
import { type Params, text } from "./views.ts";

const endings = new Set(["COMPLETE_NODE", "FAIL_NODE", "RELEASE_NODE", "TIMEOUT_ROLLBACK"]);
const lockGrants = new Set(["ACQUIRE_RESOURCE_LOCK", "TAKE_OVER_RESOURCE_LOCK"]);
const lockEndings = new Set(["RELEASE_RESOURCE_LOCK", "EXPIRE_RESOURCE_LOCK", "FORCE_RELEASE_RESOURCE_LOCK"]);
const claims = new Set(["HeartbeatNode", "CompleteNode", "FailNode", "ReleaseNode"]);

interface Grant {
  seq: number;
  lease: string;
}

/**
 * Knows no rule but those no interleaving may break: a node has one holder at a time, and locks that collide have one
 * lease. It looks at what the service wrote and answered, and not at the model.
 */
export class Witness {
  /** Every lease a node ever had, in order. */
  readonly #grants = new Map<string, Grant[]>();
  /** Nodes that somebody holds, and of which task. */
  readonly #held = new Map<string, string>();
  #locks: { lease: string; key: ModelKey }[] = [];
  #seq = 0;

  see(rows: readonly Row[]): void {
    for (const { action_type, origin, node_id, task_id, payload } of rows) {
      this.#seq++;
      if (origin === "client") continue;
      const node = text(node_id);
      if (action_type === "ACQUIRE_NODE") this.#grant(node, text(task_id), text((payload as Params).lease_id));
      else if (endings.has(action_type)) this.#held.delete(node);
      else if (lockGrants.has(action_type)) this.#lock(payload as Params);
      else if (lockEndings.has(action_type)) this.#unlock(payload as Params);
      else if (action_type === "CANCEL_TASK") {
        for (const [held, task] of this.#held) if (task === task_id) this.#held.delete(held);
      }
    }
  }

  #lock({ lease_id, locks }: Params): void {
    for (const key of (locks as Params[]).map(modelKey)) {
      const other = this.#locks.find((held) => held.lease !== lease_id && collide(held.key, key));
      if (other !== undefined) {
        throw new Error(`${key.key} was given away at ${this.#seq} while ${other.lease} held ${other.key.key}`);
      }
      this.#locks.push({ lease: text(lease_id), key });
    }
  }

  #unlock({ lease_id, locks }: Params): void {
    const ended = (locks as Params[]).map(modelKey);
    this.#locks = this.#locks.filter(({ lease, key }) => lease !== lease_id || !ended.some((one) => isSame(one, key)));
  }

  /** An answer as its client got it. */
  hear({ method, params }: Ask, { result }: Answer): void {
    if (result === null || result === undefined) return;
    if (claims.has(method)) this.#hearClaim(params, Number((result as Params).seq));
    if (method !== "AcquireNextNode") return;
    const leases = (result as { nodes?: Params[] }).nodes ?? [result as Params];
    for (const { node_id, lease_id, fencing_token } of leases) {
      expect(this.#grants.get(text(node_id))).toContainEqual({ seq: Number(fencing_token), lease: text(lease_id) });
    }
  }

  #grant(node: string, task: string, lease: string): void {
    if (this.#held.has(node)) throw new Error(`node ${node} was given away at ${this.#seq} while somebody held it`);
    this.#held.set(node, task);
    const grants = this.#grants.get(node) ?? [];
    grants.push({ seq: this.#seq, lease });
    this.#grants.set(node, grants);
  }

  /** Only the newest lease there was when the claim was accepted counts. */
  #hearClaim({ node_id, lease_id }: Params, seq: number): void {
    const newest = this.#grants.get(text(node_id))?.findLast((grant) => grant.seq <= seq);
    if (newest?.lease !== lease_id)
      throw new Error(`a claim of ${text(lease_id)} was accepted at ${seq} and was stale`);
  }
}
