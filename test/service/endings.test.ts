import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { ParamsInput } from "../../src/protocol/methods.ts";
import { isPending, type AnyPending } from "../../src/service/handler.ts";
import { handlers } from "../../src/service/handlers.ts";
import { acquire, registerTask, type TestClient } from "./harness.ts";
import { day, finishedTask, month } from "./pruning.ts";
import { type Fate, UnluckyService } from "./unlucky.ts";

/*
 * Whatever waits for its answer may hold something: a half-written file, the database's file kept still, a place in a line.
 * So every pending answer is told once that it is over, however that came.
 */

const asked = {
  AcquireNextNode: { wait_ms: 5_000 },
  AcquireResourceLock: { resource_key: "held", wait_ms: 5_000 },
  AcquireResourceLocks: { locks: [{ resource_key: "held" }], wait_ms: 5_000 },
  ListEvents: { after_seq: 9_000, wait_ms: 5_000 },
  VerifyJournal: {},
  Backup: null,
  PruneJournal: { older_than_secs: month },
} satisfies { [Name in keyof typeof handlers]?: ParamsInput<Name> | null };
type Waiting = keyof typeof asked;

/** Of each pending answer, how often it was told that it is over. */
let ends: Map<AnyPending, number>;
const original = { ...handlers };
let service: UnluckyService;
let client: TestClient;

beforeEach(() => {
  ends = new Map();
  for (const [name, handle] of Object.entries(original) as [string, (...given: unknown[]) => unknown][]) {
    const watched = (...given: unknown[]) => {
      const reply = handle(...given);
      if (isPending(reply)) watch(reply);
      return reply;
    };
    Object.assign(handlers, { [name]: watched });
  }
  service = new UnluckyService();
  client = service.client();
  client.call("AcquireResourceLock", { resource_key: "held", ttl_secs: 86_400 * 3 });
  // More than one slice of everything.
  finishedTask(client);
  const { taskId } = registerTask(client, 1);
  const { claim } = acquire(client, taskId);
  for (let n = 0; n < 1_200; n++) client.send("CommitEvent", { ...claim, payload: "x".repeat(5_000) });
  service.settle();
  client.answers.length = 0;
  ends.clear();
  service.clock.wallMs += 31 * day;
});

afterEach(() => {
  Object.assign(handlers, original);
  service[Symbol.dispose]();
});

function watch(pending: AnyPending): void {
  const end = pending.end?.bind(pending);
  ends.set(pending, 0);
  Object.assign(pending, {
    end() {
      ends.set(pending, (ends.get(pending) ?? 0) + 1);
      end?.();
    },
  });
}

function ask(name: Waiting): TestClient {
  const asking = service.client();
  if (name === "Backup") asking.send(name, { path: join(service.directory, "copy.db") });
  else asking.send(name, asked[name]);
  return asking;
}

/** Runs turns until nobody waits. */
function finish(): void {
  service.fate = "commits";
  service.dispatcher.drain();
}

function halfDone(): string[] {
  const archive = join(service.directory, "archive");
  return [service.directory, ...(existsSync(archive) ? [archive] : [])].flatMap((directory) =>
    readdirSync(directory).filter((name) => name.endsWith(".unfinished")),
  );
}

const ways: readonly [string, (name: Waiting) => void][] = [
  ["is answered", (name) => (ask(name), service.settle(), service.live(10_000))],
  ["is stopped in the middle", (name) => (ask(name), service.turn(), service.turn())],
  [
    "loses its client in the middle",
    (name) => {
      const asking = ask(name);
      service.turn();
      service.turn();
      asking.leave();
      service.settle();
    },
  ],
  [
    "loses its client while a turn is open",
    (name) => {
      const asking = ask(name);
      const turn = service.dispatcher.openTurn();
      asking.leave();
      service.dispatcher.closeTurn(turn);
      service.settle();
    },
  ],
  [
    "loses its client without a word",
    (name) => {
      const asking = ask(name);
      service.turn();
      asking.gone = true;
      service.live(10_000);
    },
  ],
  ...(["fails before", "fails after", "finds no room"] as Fate[]).flatMap(
    (fate): [string, (name: Waiting) => void][] => [
      [
        `comes with a commit that ${fate}`,
        (name) => {
          service.fate = fate;
          ask(name);
          client.send("RegisterTask", { goal: "g" });
          service.turn();
          service.fate = "commits";
          service.live(10_000);
        },
      ],
      [
        `meets a commit that ${fate}`,
        (name) => {
          ask(name);
          service.turn();
          service.fate = fate;
          client.send("RegisterTask", { goal: "g" });
          service.turn();
          service.turn();
          service.fate = "commits";
          service.live(10_000);
        },
      ],
      [
        `has its time over with a commit that ${fate}`,
        (name) => {
          ask(name);
          service.turn();
          service.fate = fate;
          service.pass(6_000);
          service.turn();
          service.fate = "commits";
          service.live(10_000);
        },
      ],
    ],
  ),
];

describe.each(Object.keys(asked) as Waiting[])("a pending answer of %s", (name) => {
  test.each(ways)("that %s is told so once, and leaves nothing half done", (_, go) => {
    go(name);
    finish();
    expect(ends.size).toBeGreaterThan(0);
    expect([...ends.values()].filter((times) => times !== 1)).toEqual([]);
    expect([halfDone(), service.store.isHeldStill]).toEqual([[], false]);
    expect(service.bugs).toEqual([]);
    // Nor does it stand in anybody's way.
    service.restart();
    client = service.client();
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true });
  });
});

test.each<[Fate, object]>([
  ["finds no room", { result: { tasks: 1, dry_run: false } }],
  ["fails before", { error: { data: { kind: "OUTCOME_UNKNOWN" } } }],
])("a report of pruning whose commit %s is not lost", (fate, answer) => {
  const pruning = ask("PruneJournal");
  let replies = 0;
  service.turn();
  for (const pending of ends.keys()) {
    const resume = pending.resume.bind(pending);
    Object.assign(pending, {
      resume(...given: Parameters<typeof resume>) {
        const ready = resume(...given);
        if (ready !== null) service.fate = ++replies === 1 ? fate : "commits";
        return ready;
      },
    });
  }
  for (let turns = 0; turns < 100 && service.fate === "commits"; turns++) service.turn();
  service.fate = "commits";
  service.settle();
  expect(pruning.answers).toMatchObject([answer]);
});
