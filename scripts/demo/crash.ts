import type { Client } from "../../src/client/client.ts";
import { RequestRefused } from "../../src/client/refusals.ts";
import type { Told } from "./progress.ts";
import type { Worker } from "./workers.ts";

/** The lease a killed worker left behind. */
interface LostLease {
  task_id: string;
  node_id: string;
  lease_id: string;
}

/**
 * The crash of the demo. The first worker seen inside an edit is killed with kill -9; once another one has its node,
 * the dead one's result is sent after all, as a worker does that slept through its lease.
 */
export class Crash {
  readonly #client: Client;
  readonly #workers: readonly Worker[];
  victim: Worker | undefined;
  /** All roll-backs of the task: a node whose worker lives must have none, however long it thinks. */
  rollbacks = 0;
  /** The kind of refusal the late result met. */
  refusal: string | undefined;
  /** Who took the node over and who completed it; by the journal. */
  successor: string | undefined;
  completedBy: string | undefined;
  #lost: LostLease | undefined;

  constructor(client: Client, workers: readonly Worker[]) {
    this.#client = client;
    this.#workers = workers;
  }

  /** Looks at each row of the journal in turn, and acts when its moment has come. */
  async watch({ row, worker }: Told): Promise<void> {
    if (row.action_type === "TIMEOUT_ROLLBACK") this.rollbacks++;
    if (this.#lost === undefined) {
      if (row.action_type === "progress") await this.#kill(worker, row.task_id, row.node_id);
      return;
    }
    if (row.node_id !== this.#lost.node_id) return;
    if (row.action_type === "COMPLETE_NODE") this.completedBy = worker;
    if (row.action_type === "ACQUIRE_NODE") await this.#sendLateResult(worker);
  }

  /** Stops the worker first: only while it stands still is it certain that it is in mid-work. */
  async #kill(name: string, taskId: string | null, nodeId: string | null): Promise<void> {
    const victim = this.#workers.find((worker) => worker.name === name);
    if (victim === undefined || taskId === null || nodeId === null) return;
    victim.signal("SIGSTOP");
    const { nodes } = await this.#client.call("TaskStatus", { task_id: taskId });
    const node = nodes.find(({ id }) => id === nodeId);
    if (node?.status !== "RUNNING" || node.lease_owner !== name || node.lease_id === null) {
      victim.signal("SIGCONT");
      return;
    }
    victim.signal("SIGKILL");
    this.victim = victim;
    this.#lost = { task_id: taskId, node_id: nodeId, lease_id: node.lease_id };
    say(`kill -9 ${victim.pid}: ${name} dies in mid-work, its edit not committed, its lease and its lock still held`);
  }

  async #sendLateResult(successor: string): Promise<void> {
    if (this.#lost === undefined || this.victim === undefined) return;
    this.successor = successor;
    try {
      await this.#client.call("CompleteNode", { ...this.#lost, result_payload: { worker: this.victim.name } });
    } catch (refused) {
      if (!(refused instanceof RequestRefused)) throw refused;
      this.refusal = refused.kind;
      say(
        `the dead ${this.victim.name}'s result arrives after all and is refused, ${refused.kind}:\n             ${refused.message}`,
      );
    }
  }
}

function say(text: string): void {
  console.log(`          ── ${text}`);
}
