import { describe, expect, test } from "bun:test";
import type { MethodName } from "../../src/protocol/methods.ts";
import { CharactersRead } from "./characters-read.ts";
import { acquire, type TestClient, TestService } from "./harness.ts";

const large = "x".repeat(500_000);
const some = 40;

/** One large text in each of forty rows of a kind, and a request that looks at all of them. */
interface Reading {
  name: string;
  prepare: (client: TestClient) => void;
  method: MethodName;
  params: object;
}

const register = (client: TestClient, more: object = {}) =>
  client.call("RegisterTask", { goal: "g", initial_nodes: [{}], ...more }).task_id;
const times = (work: (n: number) => void) => {
  for (let n = 0; n < some; n++) work(n);
};
const tell = (about: { action_type?: string; payload?: string }) => (client: TestClient) => {
  const { claim } = acquire(client, register(client));
  times(() => client.call("CommitEvent", { ...claim, payload: 1, ...about }));
};

const readings: readonly Reading[] = [
  {
    name: "events of large payloads",
    prepare: tell({ payload: large }),
    method: "ListEvents",
    params: { limit: 1_000 },
  },
  {
    name: "events of large payloads that do not match",
    prepare: tell({ payload: large }),
    method: "ListEvents",
    params: { action_types: ["none"] },
  },
  {
    name: "events of large types that do not match",
    prepare: tell({ action_type: large }),
    method: "ListEvents",
    params: { action_types: ["none"] },
  },
];

/** What one turn may read: what its slices may, twice, and the row with which they pass that. */
const charsMax = 2 * (2 << 20) + 3 * large.length;

describe.each(readings)("$method of $name", ({ prepare, method, params }) => {
  test.each([1, 20])("reads so much in a turn, and no more, for %i clients at once", (clients) => {
    using read = new CharactersRead();
    using service = new TestService();
    prepare(service.client());
    read.take();
    const asking = Array.from({ length: clients }, () => service.client());
    for (const client of asking) client.send(method, params);
    let most = 0;
    for (let goesOn = true; goesOn;) {
      goesOn = service.turn();
      most = Math.max(most, read.take().chars);
    }
    expect(most).toBeLessThan(charsMax);
    expect(asking.map(({ answers }) => answers.length)).toEqual(asking.map(() => 1));
    expect(asking.flatMap(({ answers }) => answers.filter(({ error }) => error !== undefined))).toEqual([]);
  });
});
