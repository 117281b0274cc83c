import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { MethodName, ParamsInput } from "../../src/protocol/methods.ts";
import { acquire, registerTask, TestService } from "./harness.ts";

/*
 * How many statements the most frequent requests run, each in a turn of its own: begin, savepoint, release, head and commit
 * of what writes among them. More is a decision, and stands here.
 */

const most = {
  Health: 1,
  CommitEvent: 6,
  HeartbeatNode: 5,
  AcquireNextNode: 11,
  CompleteNode: 10,
  AcquireResourceLock: 7,
  HeartbeatResourceLock: 5,
  ReleaseResourceLock: 7,
} satisfies { [Name in MethodName]?: number };

let ran = 0;
const { prototype } = Database;
const prepare = Object.getOwnPropertyDescriptor(prototype, "prepare") ?? {};

beforeAll(() => {
  const original = prepare.value as unknown as (this: Database, ...given: unknown[]) => Record<string, unknown>;
  prototype.prepare = function (this: Database, ...given: unknown[]) {
    const statement = original.apply(this, given);
    for (const how of ["run", "get", "all", "iterate"]) {
      const work = (statement[how] as (...values: unknown[]) => unknown).bind(statement);
      statement[how] = (...values: unknown[]) => (ran++, work(...values));
    }
    return statement;
  } as unknown as typeof prototype.prepare;
});
afterAll(() => Object.defineProperty(prototype, "prepare", prepare));

test("no frequent request runs more statements than it needs", () => {
  using service = new TestService({ replicates: false });
  const client = service.client();
  const { taskId } = registerTask(client, 2);
  const { claim } = acquire(client, taskId);
  const key = { resource_key: "file:a.ts" };
  const held = client.call("AcquireResourceLock", { resource_key: "file:b.ts" });
  const lease = { lease_id: held?.lease_id ?? "" };
  const counted: Record<string, number> = {};
  const count = <Name extends keyof typeof most>(name: Name, params: ParamsInput<Name>) => {
    ran = 0;
    client.call(name, params);
    counted[name] = ran;
  };
  count("Health", {});
  count("CommitEvent", { ...claim, payload: 1 });
  count("HeartbeatNode", claim);
  count("AcquireNextNode", { task_id: taskId });
  count("CompleteNode", { ...claim, result_payload: 1 });
  count("AcquireResourceLock", key);
  count("HeartbeatResourceLock", lease);
  count("ReleaseResourceLock", lease);
  expect(counted).toEqual(most);
});
