import { acquire, registerTask, type TestClient } from "./harness.ts";

export const day = 86_400_000;
/** In seconds. */
export const month = 30 * 86_400;

/** A task of some nodes, all COMPLETED, with an event each. */
export function finishedTask(client: TestClient, nodes = 2): string {
  const { taskId } = registerTask(client, nodes);
  for (let n = 0; n < nodes; n++) {
    const { claim } = acquire(client, taskId);
    client.call("CommitEvent", { ...claim, action_type: "progress", payload: { text: "half\u2028way" } });
    client.call("CompleteNode", { ...claim, result_payload: { done: n } });
  }
  return taskId;
}
