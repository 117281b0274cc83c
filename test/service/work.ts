import type { Params, ParamsInput } from "../../src/protocol/methods.ts";
import { oneNode } from "../../src/protocol/methods/nodes.ts";
import { TestService, type ServiceOptions, type TestClient } from "./harness.ts";

type NewNode = Omit<NonNullable<ParamsInput<"AddNodes">["nodes"]>[number], "name">;

/** A task whose nodes a test calls by their names. */
export class Work extends TestService {
  readonly user: TestClient = this.client();
  readonly taskId: string;
  readonly #names = new Map<string, string>();
  readonly #claims = new Map<string, { task_id: string; node_id: string; lease_id: string }>();

  constructor(nodes: Record<string, NewNode>, options: ServiceOptions = {}) {
    super(options);
    const initial_nodes = Object.entries(nodes).map(([name, node]) => ({ ...node, name }));
    const registered = this.user.call("RegisterTask", { goal: "g", initial_nodes });
    this.taskId = registered.task_id;
    for (const { id, name } of registered.nodes) this.#names.set(name ?? "", id);
  }

  id(name: string): string {
    const id = this.#names.get(name) ?? this.nodes().find((node) => node.name === name)?.id;
    if (id === undefined) throw new Error(`there is no node ${name}`);
    return id;
  }

  /** Takes the next node; its name, or null. */
  acquire(wish: Partial<Params<"AcquireNextNode">> = {}): string | null {
    const node = oneNode(this.user.call("AcquireNextNode", { task_id: this.taskId, lease_owner: "worker", ...wish }));
    if (node === null) return null;
    const name = node.context.node.name ?? node.node_id;
    const { task_id, node_id, lease_id } = node;
    this.#claims.set(name, { task_id, node_id, lease_id });
    return name;
  }

  /** The lease the node was last taken under. */
  claim(name: string) {
    const claim = this.#claims.get(name);
    if (claim === undefined) throw new Error(`${name} was not acquired`);
    return claim;
  }

  complete(name: string): void {
    this.user.call("CompleteNode", { ...this.claim(name), result_payload: name });
  }

  fail(name: string) {
    return this.user.call("FailNode", { ...this.claim(name), error_payload: `${name} is broken` });
  }

  release(name: string, delay_secs?: number): void {
    this.user.call("ReleaseNode", { ...this.claim(name), delay_secs });
  }

  retry(name: string): string[] {
    const { node_ids } = this.user.call("RetryNode", { task_id: this.taskId, node_id: this.id(name) });
    return node_ids.map((id) => this.nodes().find((node) => node.id === id)?.name ?? id);
  }

  nodes() {
    return this.client().call("TaskStatus", { task_id: this.taskId, attempts: true }).nodes;
  }

  node(name: string) {
    const node = this.nodes().find((one) => one.name === name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  /** `a COMPLETED, b PENDING`. */
  statuses(): string {
    return this.nodes()
      .map(({ name, status }) => `${name} ${status}`)
      .join(", ");
  }

  state(): string {
    return this.client().call("TaskStatus", { task_id: this.taskId }).state;
  }

  outcomes(name: string): (string | null)[] {
    return (this.node(name).attempts ?? []).map(({ outcome }) => outcome);
  }

  journal(...action_types: string[]) {
    return this.client().call("ListEvents", { action_types }).events;
  }

  /** What replaying the journal finds different from the tables. */
  difference() {
    return this.client().call("VerifyJournal", {}).first_difference;
  }
}
