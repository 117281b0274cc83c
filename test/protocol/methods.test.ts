import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { commonRefusals, type ErrorKind, errors } from "../../src/protocol/errors.ts";
import { aliasesOf, findMethod, methodNames, methodRow } from "../../src/protocol/methods.ts";
import { jsonSchemaOf, type JsonSchema } from "../../src/protocol/shape.ts";

const parameters = (schema: v.GenericSchema) => Object.keys(jsonSchemaOf(schema).properties ?? {});

describe.each(methodNames)("%s", (name) => {
  const { summary, mutates, params, result, refusals, example, renamedParams } = methodRow(name);

  test("says what it does in one sentence", () => {
    expect(summary).toMatch(/^[A-Z].*\.$/);
  });

  test("has an example that fits its schemas", () => {
    expect(v.safeParse(params, example.params).issues).toBeUndefined();
    expect(v.parse(result, example.result)).toEqual(example.result);
  });

  test("refuses only with kinds of the error table, each once, and none that is common to all or to those that mutate", () => {
    const common = new Set<ErrorKind>([...commonRefusals.any, ...commonRefusals.mutating]);
    expect(new Set(refusals).size).toBe(refusals.length);
    expect(refusals.filter((kind) => !(kind in errors) || common.has(kind))).toEqual([]);
  });

  test("carries seq if it changes state", () => {
    if (!mutates) return;
    for (const answer of answersOf(jsonSchemaOf(result))) {
      expect(answer).toMatchObject({ properties: { seq: { title: "seq" } } });
    }
  });

  test("takes older spellings only of parameters it has, and only of one", () => {
    const known = parameters(params);
    for (const [older, newer] of Object.entries(renamedParams ?? {})) {
      expect(known).toContain(newer);
      expect(known).not.toContain(older);
    }
  });
});

test("no two methods answer to one name", () => {
  const spellings = methodNames.flatMap((name) => [name, ...aliasesOf(name)]);
  expect(new Set(spellings).size).toBe(spellings.length);
});

test.each([
  ["DescribeInterface", "describe_interface"],
  ["Health", "health"],
  ["Metrics", "metrics"],
  ["RegisterTask", "register_task"],
  ["AcquireNextNode", "acquire_next_node"],
  ["CommitEvent", "commit_event"],
  ["HeartbeatNode", "heartbeat_node"],
  ["CompleteNode", "complete_node"],
  ["FailNode", "fail_node"],
  ["TaskStatus", "task_status"],
  ["TaskStatus", "GetTaskStatus"],
  ["TaskStatus", "get_task_status"],
  ["AcquireResourceLock", "acquire_resource_lock"],
  ["HeartbeatResourceLock", "heartbeat_resource_lock"],
  ["ReleaseResourceLock", "release_resource_lock"],
  ["ListResourceLocks", "list_resource_locks"],
  ["ListTasks", "list_tasks"],
  ["ListEvents", "list_events"],
  ["VerifyJournal", "verify_journal"],
] as const)("%s answers to its own name and to %s", (name, spelling) => {
  expect(findMethod(name)).toBe(name);
  expect(findMethod(spelling)).toBe(name);
});

test.each(["", "health ", "HEALTH", "acquireNextNode", "toString", "__proto__", "constructor"])(
  "nothing answers to %j",
  (spelling) => {
    expect(findMethod(spelling)).toBeUndefined();
  },
);

test("every kind of the error table can be given: by any method, by any that mutates, or by one that names it", () => {
  const given = new Set([
    ...commonRefusals.any,
    ...commonRefusals.mutating,
    ...methodNames.flatMap((name) => methodRow(name).refusals),
  ]);
  expect([...given].toSorted()).toEqual((Object.keys(errors) as ErrorKind[]).toSorted());
});

/** Every form of a result but null, of which the envelope carries the seq. */
function answersOf(schema: JsonSchema): JsonSchema[] {
  const forms = (schema.anyOf ?? [schema]).filter((form): form is JsonSchema => typeof form === "object");
  return forms
    .flatMap((form) => (form.anyOf === undefined ? [form] : answersOf(form)))
    .filter(({ type }) => type !== "null");
}
