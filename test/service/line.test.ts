import { expect, test } from "bun:test";
import { methodNames, methodRow, type ParamsInput } from "../../src/protocol/methods.ts";
import type { CheckPages, PageCheck } from "../../src/service/verification/page-verdict.ts";
import { type TestClient, TestService } from "./harness.ts";
import { day, finishedTask, month } from "./pruning.ts";
import { UnluckyService } from "./unlucky.ts";

/** Requests that are answered later, and what they ask for. */
const later = {
  AcquireNextNode: { lease_owner: "w", wait_ms: 1_000 },
  AcquireResourceLock: { resource_key: "file:held", wait_ms: 1_000 },
  AcquireResourceLocks: { locks: [{ resource_key: "file:held" }], wait_ms: 1_000 },
  ListEvents: { after_seq: 1_000_000, wait_ms: 1_000 },
  VerifyJournal: {},
  PruneJournal: { older_than_secs: month },
} satisfies { [Name in Parameters<TestClient["send"]>[0]]?: ParamsInput<Name> };

type Later = keyof typeof later;
const names = Object.keys(later) as Later[];
const send = (client: TestClient, name: Later) => client.send(name, later[name]);

/** As many turns as a daemon would run at once, and no more than that: whether it has come to rest. */
function comesToRest(service: TestService): boolean {
  for (let turns = 0; turns < 1_000; turns++) if (!service.turn()) return true;
  return false;
}

test("every method with wait_ms is among those that answer later", () => {
  const waits = methodNames.filter((name) =>
    Object.hasOwn((methodRow(name).params as unknown as { entries: object }).entries, "wait_ms"),
  );
  expect(waits.filter((name) => !Object.hasOwn(later, name))).toEqual([]);
});

test.each(names)("a commit that fails beside %s leaves nobody in line before the next", (name) => {
  using service = new UnluckyService();
  const client = service.client();
  client.call("AcquireResourceLock", { resource_key: "file:held", owner: "ann" });
  const asks = service.client();
  service.fate = "fails before";
  client.send("RegisterTask", { goal: "g" });
  send(asks, name);
  service.turn();
  asks.leave();
  service.fate = "commits";
  for (const next of names) {
    const follower = service.client();
    send(follower, next);
    comesToRest(service);
    service.pass(2_000);
    comesToRest(service);
    expect(follower.answers).toHaveLength(1);
  }
  expect(service.bugs).toEqual([]);
});

/** Checks of pages that go on until the test ends them. */
class LongChecks {
  #running: { outcome: PageCheck["outcome"] }[] = [];

  readonly start: CheckPages = () => {
    const check = { outcome: null, cancel: () => undefined };
    this.#running.push(check);
    return check;
  };

  end(): void {
    for (const check of this.#running) check.outcome = { faults: [] };
    this.#running = [];
  }
}

const inLine = ["VerifyJournal", "PruneJournal", "Backup"] as const;

function askInLine(client: TestClient, name: (typeof inLine)[number], { directory }: TestService): void {
  if (name === "Backup") client.send(name, { path: `${directory}/copy-${crypto.randomUUID()}.db` });
  else if (name === "PruneJournal") client.send(name, { older_than_secs: month });
  else client.send(name, {});
}

test.each(inLine)("%s waits in line without turns of its own, until a verification ends or leaves", (name) => {
  const checks = new LongChecks();
  using service = new TestService({ checkPages: checks.start });
  for (const over of ["ends", "leaves"]) {
    const [first, next] = [service.client(), service.client()];
    first.send("VerifyJournal", {});
    expect(comesToRest(service)).toBe(true);
    askInLine(next, name, service);
    expect(comesToRest(service)).toBe(true);
    expect(next.answers).toEqual([]);
    if (over === "leaves") expect(first.leave()).toBe(true);
    checks.end();
    comesToRest(service);
    checks.end();
    comesToRest(service);
    expect(first.answers).toHaveLength(over === "ends" ? 1 : 0);
    expect(next.answers.map(({ error }) => error?.message)).toEqual([undefined]);
  }
});

test.each(inLine)("%s waits without turns of its own while the disk keeps what is pruned from leaving", (name) => {
  using service = new UnluckyService();
  const client = service.client();
  for (let n = 0; n < 20; n++) finishedTask(client);
  service.pass(31 * day);
  client.send("PruneJournal", { older_than_secs: month });
  while (service.store.reads.pruning.current()?.stage !== "rows") service.turn();
  service.fate = "finds no room";
  const asks = service.client();
  askInLine(asks, name, service);
  expect(comesToRest(service)).toBe(true);
  service.fate = "commits";
  service.pass(1_000);
  comesToRest(service);
  expect(asks.answers).toHaveLength(1);
});
