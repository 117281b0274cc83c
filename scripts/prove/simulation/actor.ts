import type { Answer } from "../../../test/service/harness.ts";
import { everyKey } from "../../../test/service/model/keys.ts";
import { type Params, text } from "../../../test/service/model/views.ts";
import type { Chance } from "../chance.ts";

/** What the actors of one simulation know of each other: enough to get in each other's way. */
export interface Common {
  tasks: { task_id: string; nodes: string[] }[];
  bundles: string[];
}

interface Wish {
  method: string;
  params: Params;
}

/** Renewed for as long as it was taken for, so that nobody who misses the answer takes it for longer. */
type HeldLocks = { lease_id: string; ttl_secs: number };

type Claim = { task_id: string; node_id: string; lease_id: string };

/** Leases end by themselves after at most this long. */
export const ttlSecsMax = 6;
/** Nobody waits longer. */
export const waitMsMax = 4_000;

const tasksAlive = 3;
const bundlesOpenMax = 4;

/** One client's stream of wishes, and what it learns from the answers. Each writes its key where its row will have it. */
export class Actor {
  readonly name: string;
  readonly #chance: Chance;
  readonly #common: Common;
  readonly #newId: () => string;
  readonly #nodes: Claim[] = [];
  readonly #locks: HeldLocks[] = [];
  /** What it held once, to come too late with. */
  #formerNode: Claim | null = null;
  #formerLock: HeldLocks | null = null;

  constructor(name: string, chance: Chance, common: Common, newId: () => string) {
    this.name = name;
    this.#chance = chance;
    this.#common = common;
    this.#newId = newId;
  }

  next(key: string): Wish {
    const chance = this.#chance;
    const wish = chance.below(100);
    if (this.#common.tasks.length === 0 || wish < 6) return this.#register(key);
    if (wish < 16) return this.#event(key);
    if (wish < 34) return this.#acquireNode(key);
    if (wish < 40) return this.#underNode("HeartbeatNode", {}, key);
    if (wish < 50) return this.#underNode("CompleteNode", { result_payload: { key } }, key);
    if (wish < 55) return this.#underNode("FailNode", { error_payload: { key } }, key);
    if (wish < 58) return this.#underNode("ReleaseNode", {}, key);
    if (wish < 77) return this.#acquireLocks(key);
    if (wish < 83) return this.#underLock("HeartbeatResourceLock", key);
    if (wish < 94) return this.#underLock("ReleaseResourceLock", key);
    if (wish < 96) return { method: "RetryNode", params: this.#someNode() };
    if (wish < 97) return { method: "CancelTask", params: { task_id: this.#someNode().task_id, reason: "why not" } };
    return this.#common.bundles.length < bundlesOpenMax && this.#chance.happens(0.5)
      ? this.#submit(key)
      : this.#decide(key);
  }

  learn({ method, params }: Wish, { result }: Answer): void {
    if (result === undefined || result === null) return;
    const told = result as Params;
    if (method === "RegisterTask") {
      const nodes = (told.nodes as { id: string }[]).map(({ id }) => id);
      this.#common.tasks.push({ task_id: text(told.task_id), nodes });
      if (this.#common.tasks.length > tasksAlive) this.#common.tasks.shift();
    } else if (method === "AcquireNextNode") {
      const { task_id, node_id, lease_id } = told as Claim;
      this.#nodes.push({ task_id, node_id, lease_id });
    } else if (method.startsWith("AcquireResourceLock")) {
      this.#locks.push({ lease_id: text(told.lease_id), ttl_secs: Number(params.ttl_secs) });
    } else if (method === "SubmitPatchBundle") this.#common.bundles.push(text(told.bundle_id));
    else if (method === "DecidePatchBundle")
      this.#common.bundles = this.#common.bundles.filter((id) => id !== params.bundle_id);
  }

  #register(key: string): Wish {
    const chance = this.#chance;
    const ids: string[] = [];
    const initial_nodes = Array.from({ length: 1 + chance.below(5) }, (): Params => {
      const id = this.#newId();
      const dependencies = ids.length > 0 && chance.happens(0.3) ? [chance.of(ids)] : [];
      ids.push(id);
      const policy = { max_attempts: 1 + chance.below(3), on_dependency_failure: chance.of(["wait", "skip", "run"]) };
      const resources = chance.happens(0.2) ? { resources: [this.#lock()] } : {};
      return { id, dependencies, ...policy, ...resources };
    });
    return { method: "RegisterTask", params: { goal: "g", context: { key }, initial_nodes } };
  }

  #event(key: string): Wish {
    const held = this.#nodes.at(-1);
    const whose = held !== undefined && this.#chance.happens(0.8) ? held : this.#someNode();
    return { method: "CommitEvent", params: { ...whose, payload: { key } } };
  }

  #acquireNode(key: string): Wish {
    const task = this.#chance.happens(0.7) ? { task_id: this.#someNode().task_id } : {};
    const params = { ...task, ...this.#wait(), lease_owner: key, ttl_secs: this.#ttl() };
    return { method: "AcquireNextNode", params };
  }

  #acquireLocks(key: string): Wish {
    const about = { ...this.#wait(), owner: this.name, ttl_secs: this.#ttl(), metadata: { key } };
    const scope = this.#chance.of(["s", "ignoring case"]);
    if (this.#chance.happens(0.5)) {
      return { method: "AcquireResourceLock", params: { ...about, ...this.#lock(), scope } };
    }
    const locks = Array.from({ length: 1 + this.#chance.below(2) }, () => this.#lock());
    return { method: "AcquireResourceLocks", params: { ...about, locks, scope } };
  }

  #submit(key: string): Wish {
    const revision = (digit: string) => digit.repeat(40);
    const what = {
      base_revision: revision("1"),
      head_revision: revision("2"),
      touched_paths: ["a"],
      confidence: "low",
    };
    const params = { provider: "p", owner: this.name, scope: "s", ...what, diff_summary: key };
    return { method: "SubmitPatchBundle", params };
  }

  #decide(key: string): Wish {
    const { bundles } = this.#common;
    if (bundles.length === 0) return this.#submit(key);
    const about = { bundle_id: this.#chance.of(bundles), decision: this.#chance.of(["accepted", "rejected"]) };
    return { method: "DecidePatchBundle", params: { ...about, reason: key, decided_by: this.name } };
  }

  /** Something only the holder may do. What ends a lease makes it a former one. */
  #underNode(method: string, more: Params, key: string): Wish {
    if (this.#formerNode !== null && this.#chance.happens(0.15))
      return { method, params: { ...this.#formerNode, ...more } };
    const held = method === "HeartbeatNode" ? this.#nodes[0] : this.#nodes.shift();
    if (held === undefined) return this.#acquireNode(key);
    this.#formerNode = held;
    return { method, params: { ...held, ...more } };
  }

  #underLock(method: "HeartbeatResourceLock" | "ReleaseResourceLock", key: string): Wish {
    const claimed = ({ lease_id, ttl_secs }: HeldLocks): Wish => {
      return { method, params: method === "HeartbeatResourceLock" ? { lease_id, ttl_secs } : { lease_id } };
    };
    if (this.#formerLock !== null && this.#chance.happens(0.15)) return claimed(this.#formerLock);
    const held = method === "HeartbeatResourceLock" ? this.#locks[0] : this.#locks.shift();
    if (held === undefined) return this.#acquireLocks(key);
    this.#formerLock = held;
    return claimed(held);
  }

  #someNode(): { task_id: string; node_id: string } {
    const { task_id, nodes } = this.#chance.of(this.#common.tasks);
    return { task_id, node_id: this.#chance.of(nodes) };
  }

  #lock(): Params {
    return { resource_key: this.#chance.of(everyKey), mode: this.#chance.of(["exclusive", "exclusive", "shared"]) };
  }

  #ttl(): number {
    return 1 + this.#chance.below(ttlSecsMax);
  }

  #wait(): Params {
    return this.#chance.happens(0.6) ? { wait_ms: 1 + this.#chance.below(waitMsMax) } : {};
  }
}
