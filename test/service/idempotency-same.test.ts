import { describe, expect, test } from "bun:test";
import type { GenericSchema } from "valibot";
import type { Json } from "../../src/protocol/json.ts";
import { type MethodName, methods } from "../../src/protocol/methods.ts";
import { acquire, registerTask, TestService } from "./harness.ts";

type Fields = { [name: string]: Json };
type Parts = Partial<{ entries: Record<string, GenericSchema>; item: GenericSchema; wrapped: GenericSchema }>;

/** Each way to write null for one field that may be left out, at any depth of the value. */
function nulled(schema: GenericSchema, value: Json, place: string): { place: string; value: Json }[] {
  const { entries, item, wrapped } = schema as Parts;
  if (wrapped !== undefined) return nulled(wrapped, value, place);
  if (item !== undefined && Array.isArray(value)) {
    return value.flatMap((one, at) =>
      nulled(item, one, `${place}.${at}`).map((its) => ({ ...its, value: value.with(at, its.value) })),
    );
  }
  if (entries === undefined || typeof value !== "object" || value === null || Array.isArray(value)) return [];
  const fields: Fields = value;
  return Object.entries(entries).flatMap(([name, field]) => {
    const at = `${place}.${name}`;
    const inside = fields[name];
    if (inside !== undefined)
      return nulled(field, inside, at).map((its) => ({ ...its, value: { ...fields, [name]: its.value } }));
    return field.type === "nullish" ? [{ place: at, value: { ...fields, [name]: null } }] : [];
  });
}

const variants = Object.entries(methods).flatMap(([name, row]) =>
  row.mutates
    ? nulled(row.params, row.example.params as Json, "params").map(
        ({ place, value }) => [name as MethodName, place, row.example.params, value] as const,
      )
    : [],
);

describe("null says the same under an idempotency key as leaving the field out:", () => {
  test.each(variants)("%s %s", (method, _place, without, withNull) => {
    using service = new TestService();
    const client = service.client();
    const first = client.ask(method, without, "key");
    expect(client.ask(method, withNull as never, "key")).toEqual({ ...first, replayed: true });
  });

  test("there are such fields of more than one method", () => {
    expect(new Set(variants.map(([method]) => method)).size).toBeGreaterThan(5);
  });

  test("but a null that is data is another request", () => {
    using service = new TestService();
    const client = service.client();
    client.ask("RegisterTask", { goal: "g", context: {} }, "key");
    expect(client.refusal("RegisterTask", { goal: "g", context: null }, "key")).toBe("IDEMPOTENCY_MISMATCH");
    expect(client.refusal("RegisterTask", { goal: "g", context: { a: null } }, "key")).toBe("IDEMPOTENCY_MISMATCH");
  });
});

describe("while a request waits for its answer, another under its key", () => {
  const wanted = { resource_key: "file:a", owner: "ann" };

  /** Somebody holds the key, and ann waits for it under an idempotency key. */
  function waiting(service: TestService) {
    const [holder, ann, again] = [service.client(), service.client(), service.client()];
    const lock = holder.call("AcquireResourceLock", { resource_key: "file:a", owner: "bob" });
    ann.send("AcquireResourceLock", { ...wanted, wait_ms: 60_000 }, "key");
    service.settle();
    const release = () =>
      holder.call("ReleaseResourceLock", { resource_key: "file:a", lease_id: lock?.lease_id ?? "" });
    return { ann, again, release };
  }

  test.each([0, 60_000])("is not executed (wait_ms %i), and asked later gets the one answer", (wait_ms) => {
    using service = new TestService();
    const { ann, again, release } = waiting(service);
    expect(again.refusal("AcquireResourceLock", { ...wanted, wait_ms }, "key")).toBe("IDEMPOTENCY_PENDING");
    release();
    const answer = ann.read();
    expect(answer).toMatchObject({ result: { owner: "ann" } });
    expect(again.ask("AcquireResourceLock", wanted, "key")).toEqual({ ...answer, replayed: true });
    expect(again.call("ListResourceLocks", {}).locks).toHaveLength(1);
  });

  test("is not executed in the same turn either", () => {
    using service = new TestService();
    const { taskId } = registerTask(service.client(), 1);
    acquire(service.client(), taskId);
    const [one, two] = [service.client(), service.client()];
    for (const client of [one, two]) client.send("AcquireNextNode", { task_id: taskId, wait_ms: 5_000 }, "key");
    service.settle();
    expect(one.answers).toEqual([]);
    expect(two.read().error?.data).toMatchObject({ kind: "IDEMPOTENCY_PENDING", retryable: true });
  });

  test("is refused as a mismatch where it asks for something else, and takes nothing of the first's", () => {
    using service = new TestService();
    const { ann, again, release } = waiting(service);
    expect(again.refusal("RegisterTask", { goal: "g" }, "key")).toBe("IDEMPOTENCY_MISMATCH");
    const other = { ...wanted, resource_key: "file:b" };
    expect(again.refusal("AcquireResourceLock", other, "key")).toBe("IDEMPOTENCY_MISMATCH");
    release();
    expect(ann.read()).toMatchObject({ result: { resource_key: "file:a" } });
  });

  test.each<["leaves" | "dies"]>([["leaves"], ["dies"]])("is executed once the first's client %s", (how) => {
    using service = new TestService();
    const { ann, again, release } = waiting(service);
    if (how === "leaves") ann.leave();
    else ann.gone = true;
    again.send("AcquireResourceLock", { ...wanted, wait_ms: 60_000 }, "key");
    service.settle();
    release();
    expect(again.read()).toMatchObject({ result: { owner: "ann" } });
    expect(ann.answers).toEqual([]);
  });
});
