import { Client } from "../../src/client/client.ts";
import type { OwnDaemon } from "../demo/daemon.ts";

/** A client that has nothing to do with what others do, and commits one event after the other. */
export class Bystander implements Disposable {
  readonly #client: Client;
  readonly #node: { task_id: string; node_id: string };

  private constructor(client: Client, node: { task_id: string; node_id: string }) {
    this.#client = client;
    this.#node = node;
  }

  static async join({ socket }: OwnDaemon): Promise<Bystander> {
    const client = await Client.connect(socket);
    const node_id = crypto.randomUUID();
    const { task_id } = await client.call("RegisterTask", { goal: "look on", initial_nodes: [{ id: node_id }] });
    // Nobody is to take its node for work.
    await client.call("PauseTask", { task_id });
    return new Bystander(client, { task_id, node_id });
  }

  /** How long `work` took, and the worst latency of this client's CommitEvent meanwhile. */
  async during(work: () => Promise<unknown>): Promise<{ tookMs: number; worstMs: number }> {
    let over = false;
    const committing = this.#commitUntil(() => over);
    const startedAt = performance.now();
    try {
      await work();
    } finally {
      over = true;
    }
    return { tookMs: performance.now() - startedAt, worstMs: await committing };
  }

  async #commitUntil(isOver: () => boolean): Promise<number> {
    let worstMs = 0;
    while (!isOver()) {
      const startedAt = performance.now();
      await this.#client.call("CommitEvent", { ...this.#node, payload: { seen: "nothing" } });
      worstMs = Math.max(worstMs, performance.now() - startedAt);
    }
    return worstMs;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
