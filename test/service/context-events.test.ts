import { expect, test } from "bun:test";
import { parseStored } from "../../src/protocol/json.ts";
import { ContextEvents } from "../../src/service/journal/context-events.ts";
import { StorageFailure } from "../../src/store/store.ts";
import { acquire, registerTask, TestService } from "./harness.ts";
import { overriding } from "./overriding.ts";

/* What an acquired node's context shows of the journal is what the journal holds, whatever was shown before. */

const shown = (events: readonly { payload: unknown }[]) => events.map(({ payload }) => payload);

test("the next node's worker sees what came since the last one's, and no more than the limit", () => {
  using service = new TestService({ settings: { contextEventLimit: 3 } });
  const client = service.client();
  const { taskId } = registerTask(client, 3);
  const { claim } = acquire(client, taskId);
  for (const payload of [1, 2]) client.call("CommitEvent", { ...claim, action_type: "told", payload });
  expect(shown(acquire(client, taskId).context.event_journal)).toEqual([1, 2]);
  for (const payload of [3, 4]) client.call("CommitEvent", { ...claim, action_type: "told", payload });
  expect(shown(acquire(client, taskId).context.event_journal)).toEqual([2, 3, 4]);
});

test("a payload is shown to the letter", () => {
  using service = new TestService();
  const client = service.client();
  const { taskId } = registerTask(client, 2);
  const { claim } = acquire(client, taskId);
  const text = '{"a":1.0,"b":1e400}';
  client.call("CommitEvent", { ...claim, action_type: "told", payload: parseStored(text) });
  expect(new ContextEvents().newest(taskId, 50, service.store).text).toContain(`"payload":${text},`);
});

test("what was taken back with a commit that failed is not shown", () => {
  let fails = false;
  using service = new TestService({
    replicates: false,
    wrap: (store) =>
      overriding(store, {
        commit() {
          if (fails) {
            store.abandon();
            throw new StorageFailure("STORAGE_FULL", "full", { reopen: false });
          }
          store.commit();
        },
      }),
  });
  const client = service.client();
  const { taskId } = registerTask(client, 3);
  const { claim } = acquire(client, taskId);
  client.call("CommitEvent", { ...claim, action_type: "told", payload: "kept" });
  fails = true;
  client.send("CommitEvent", { ...claim, action_type: "told", payload: "lost" });
  client.send("AcquireNextNode", { task_id: taskId, lease_owner: "b" });
  service.settle();
  client.answers.length = 0;
  fails = false;
  client.call("CommitEvent", { ...claim, action_type: "told", payload: "after" });
  expect(shown(acquire(client, taskId).context.event_journal)).toEqual(["kept", "after"]);
});
