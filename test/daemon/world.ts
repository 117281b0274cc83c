import { join } from "node:path";
import type { Client } from "../../src/client/client.ts";
import { limits } from "../../src/protocol/limits.ts";
import { oneNode } from "../../src/protocol/methods/nodes.ts";

/** An id nothing has. */
export const nobody = "00000000-0000-4000-8000-000000000000";

/** A node somebody holds, in the terms of its lease. */
export interface Held {
  task_id: string;
  node_id: string;
  lease_id: string;
}

/** State to ask about, made through the daemon itself; everything is new each time it is asked for. */
export class World {
  readonly client: Client;
  /** Where a test may have files written. */
  readonly directory: string;
  #names = 0;

  constructor(client: Client, directory: string) {
    this.client = client;
    this.directory = directory;
  }

  newName(): string {
    return `name-${++this.#names}`;
  }

  newPath(): string {
    return join(this.directory, this.newName());
  }

  /** A task of one PENDING node. */
  async task(policy = {}): Promise<{ task_id: string; node_id: string }> {
    const node_id = crypto.randomUUID();
    const initial_nodes = [{ id: node_id }];
    const { task_id } = await this.client.call("RegisterTask", { goal: "a goal", policy, initial_nodes });
    return { task_id, node_id };
  }

  /** A task with more in its payloads than one answer tells. */
  async large(): Promise<{ task_id: string }> {
    const { task_id } = await this.client.call("RegisterTask", { goal: "a goal" });
    const payload_schema = "x".repeat(1_000_000);
    for (let bytes = 0; bytes <= limits.statusBytesMax; bytes += payload_schema.length) {
      await this.client.call("AddNodes", { task_id, nodes: [{ payload_schema }] });
    }
    return { task_id };
  }

  /** A task of one PENDING node with two resources. */
  async manyResources(): Promise<{ task_id: string }> {
    const resources = [{ resource_key: this.newName() }, { resource_key: this.newName() }];
    const { task_id } = await this.client.call("RegisterTask", { goal: "a goal", initial_nodes: [{ resources }] });
    return { task_id };
  }

  async running(policy = {}): Promise<Held> {
    const { task_id } = await this.task(policy);
    const acquired = oneNode(await this.client.call("AcquireNextNode", { task_id, lease_owner: "worker" }));
    if (acquired === null) throw new Error("the new task's node was not acquired");
    return { task_id, node_id: acquired.node_id, lease_id: acquired.lease_id };
  }

  async failed(): Promise<Held> {
    const held = await this.running();
    await this.client.call("FailNode", { ...held, error_payload: null });
    return held;
  }

  async completed(): Promise<Held> {
    const held = await this.running();
    await this.client.call("CompleteNode", { ...held, result_payload: null });
    return held;
  }

  /** A running node whose worker holds a lock with it. */
  async runningWithLock(): Promise<Held> {
    const resources = [{ resource_key: this.newName() }];
    const { task_id } = await this.client.call("RegisterTask", { goal: "a goal", initial_nodes: [{ resources }] });
    const acquired = oneNode(await this.client.call("AcquireNextNode", { task_id }));
    if (acquired === null) throw new Error("the new task's node was not acquired");
    return { task_id, node_id: acquired.node_id, lease_id: acquired.lease_id };
  }

  async lock(owner?: string): Promise<{ resource_key: string; lease_id: string }> {
    const resource_key = this.newName();
    const lock = await this.client.call("AcquireResourceLock", { resource_key, owner });
    if (lock === null) throw new Error("the new lock was not acquired");
    return { resource_key, lease_id: lock.lease_id };
  }
}
