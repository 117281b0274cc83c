import { describe, expect, test } from "bun:test";
import { drawTree } from "../../../src/cli/task/tree.ts";
import { eventLine, leasesOf, type Model, orderTasks, type Task, unknown } from "../../../src/cli/watch/model.ts";
import { bar, screen } from "../../../src/cli/watch/screen.ts";
import { startAt, type View } from "../../../src/cli/watch/view.ts";
import type { NodeStatusView } from "../../../src/protocol/methods/views.ts";
import { nodeStatusView, noPolicyView } from "../../support/specimen.ts";

const now = Date.UTC(2026, 0, 31, 12, 35, 30);
const id = (digit: string) => `${digit.repeat(8)}-0000-4000-8000-000000000000`;

const task = (digit: string, more: Partial<Task> = {}): Task => ({
  id: id(digit),
  goal: `goal ${digit}`,
  created_at: new Date(now - 60_000).toISOString(),
  state: "ACTIVE",
  counts: { PENDING: 1 },
  name: null,
  labels: {},
  priority: 0,
  paused: false,
  policy: noPolicyView,
  ...more,
});

const node = (digit: string, more: Partial<NodeStatusView> = {}) =>
  nodeStatusView({ id: id(digit), task_id: id("a"), updated_at: now / 1000, ...more });

const running = (digit: string, leftSecs: number, more: Partial<NodeStatusView> = {}) =>
  node(digit, {
    status: "RUNNING",
    lease_id: id("f"),
    lease_owner: "codex-1",
    acquired_at: now / 1000 - 30,
    lease_expires_at: now / 1000 + leftSecs,
    lease_expires_at_ms: now + leftSecs * 1000,
    ...more,
  });

const lock: Model["locks"][number] = {
  resource_key: "file:src/lib.rs",
  scope: null,
  mode: "exclusive",
  ends_with_node: false,
  waiting: 0,
  waiters: [],
  lease_id: id("f"),
  owner: "codex-1",
  provider: null,
  task_id: id("a"),
  node_id: null,
  metadata: {},
  acquired_at: now / 1000,
  lease_expires_at: now / 1000 + 90,
  lease_expires_at_ms: now + 90_000,
  fencing_token: 3,
  updated_at: now / 1000,
};

const event = (seq: number, more: Partial<Parameters<typeof eventLine>[0]> = {}) =>
  eventLine({
    seq,
    id: null,
    task_id: id("a"),
    node_id: id("1"),
    action_type: "ACQUIRE_NODE",
    origin: "daemon",
    payload: { lease_owner: "codex-1" },
    timestamp: new Date(now).toISOString(),
    ...more,
  });

const known = (more: Partial<Model>): Model => ({ ...unknown, listed: true, ...more });

function draw(model: Model, { view = startAt(null), columns = 90, rows = 20 } = {}): string[] {
  const lines = screen(model, view, { columns, rows }, now);
  expect(lines).toHaveLength(rows);
  for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  return lines.map((line) =>
    Bun.stripANSI(line)
      .replace(/\d\d:\d\d:\d\d/g, "hh:mm:ss")
      .trimEnd(),
  );
}

describe("the screen of all tasks", () => {
  test("shows tasks, leases, locks and events", () => {
    const tasks = [task("a", { counts: { COMPLETED: 1, RUNNING: 1, PENDING: 2 } }), task("b")];
    const leases = leasesOf([running("1", 42, { payload_schema: { name: "parser" } })]);
    const totals = { tasks: 2, running: 1 };
    expect(draw(known({ tasks, leases, totals, locks: [lock], events: [event(7)] }))).toEqual([
      `agentd watch${" ".repeat(42)}2 tasks, 1 running, 1 lock  hh:mm:ss`,
      "",
      "TASKS",
      "▸ aaaaaaaa  ACTIVE  █████▒▒▒▒▒··········  1/4, 1 running  goal a  1m old",
      "  bbbbbbbb  ACTIVE  ····················  0/1             goal b  1m old",
      "",
      "LEASES",
      "42s  codex-1  aaaaaaaa  11111111  parser",
      "",
      "LOCKS",
      "1m 30s  codex-1  file:src/lib.rs",
      "",
      "EVENTS",
      '     7  hh:mm:ss  ACQUIRE_NODE  11111111  {"lease_owner":"codex-1"}',
      ...Array<string>(5).fill(""),
      "q quit   ↑↓ choose   Enter look into a task",
    ]);
  });

  test("shows names, progress and what is paused, where the daemon tells of them", () => {
    const tasks = [{ ...task("a"), name: "nightly", paused: true }];
    const progress = { percent: 40, message: "lexing\x1b[2J" };
    const leases = leasesOf([{ ...running("1", 42), name: "parser", progress }]);
    const text = draw(known({ tasks, leases })).join("\n");
    expect(text).toMatch(/aaaaaaaa {2}PAUSED .* nightly /);
    expect(text).toContain("11111111  parser  40% lexing\u{fffd}[2J");
  });

  test("says what to do where there is no task, and nothing before it knows", () => {
    expect(draw(known({}))).toContain("no tasks; register one with: agentd task register FILE");
    expect(draw(unknown).join("")).not.toContain("tasks;");
  });

  test("says how many wait for a lock, and who, and cuts a key before an owner", () => {
    const owner = "claude-code-of-somebody-with-a-long-name";
    const waited = {
      ...lock,
      owner,
      waiting: 5,
      waiters: ["codex-1", "codex-2", "codex-3"],
      resource_key: "k".repeat(80),
    };
    const lines = draw(known({ locks: [waited], totals: { tasks: 0, running: 0 } }), { columns: 120 });
    expect(lines[0]).toContain("0 tasks, 0 running, 1 lock, 5 waiting");
    expect(lines).toContain(`1m 30s  ${owner}  ${"k".repeat(33)}…  5 waiting: codex-1, codex-2, code…`);
  });

  test("says that the daemon is away, and keeps showing what was known", () => {
    const lines = draw(known({ tasks: [task("a")], away: "no daemon listens at /x" }));
    expect(lines.at(-1)).toBe("the daemon is away, trying again: no daemon listens at /x");
    expect(lines.join("\n")).toContain("goal a");
  });

  test("keeps the chosen task on it, and says which part of the list is shown", () => {
    const tasks = Array.from({ length: 100 }, (_, index) =>
      task("a", { id: `${1000 + index}`, goal: `goal ${index}` }),
    );
    const totals = { tasks: 5_012, running: 0 };
    const lines = draw(known({ tasks, totals, events: Array.from({ length: 50 }, (_, seq) => event(seq)) }), {
      view: { ...startAt(null), selected: "1070" },
    });
    expect(lines.find((line) => line.startsWith("TASKS"))).toBe("TASKS  68–74 of 5012");
    expect(lines.find((line) => line.startsWith("▸"))).toContain("goal 70");
    expect(lines[0]).toContain("5012 tasks, 0 running, 0 locks");
    expect(lines.at(-2)).toStartWith("    49");
  });

  test.each([1, 2, 3, 5, 8, 200])("fits a terminal of %d rows", (rows) => {
    const tasks = Array.from({ length: 9 }, (_, index) => task(String(index)));
    draw(known({ tasks, leases: leasesOf([running("1", 5)]), locks: [lock], events: [event(1)] }), { rows });
  });

  test.each([1, 2, 10, 39, 80])("fits a terminal of %d columns, with wide characters and long names", (columns) => {
    const tasks = [task("a", { goal: "日本語".repeat(50) }), task("b", { goal: "x".repeat(500) })];
    const leases = leasesOf([
      running("1", 5, { lease_owner: "ü".repeat(90), payload_schema: { name: "👩‍💻".repeat(90) } }),
    ]);
    draw(known({ tasks, leases, locks: [{ ...lock, resource_key: "k".repeat(500) }] }), { columns });
  });
});

describe("the screen of one task", () => {
  const nodes = [
    running("1", -1),
    node("2", { dependencies: [id("1")], payload_schema: { name: "parser" } }),
    node("3", { task_id: id("a") }),
  ];
  const counts = { RUNNING: 1, PENDING: 2 };
  const opened = {
    task: { ...task("a"), context: {} },
    state: "ACTIVE" as const,
    counts,
    tree: drawTree(nodes),
    leases: leasesOf(nodes),
  };
  const view: View = { ...startAt(id("a")), row: 1 };

  test("shows its nodes as a tree, and only its own locks and events", () => {
    const others = { task_id: id("b") };
    const locks = [lock, { ...lock, ...others, resource_key: "another" }];
    const events = [event(1), event(2, { ...others, action_type: "ANOTHER" })];
    expect(draw(known({ opened, locks, events }), { view })).toEqual([
      `goal a${" ".repeat(76)}hh:mm:ss`,
      `${id("a")}  ACTIVE  ▒▒▒▒▒▒··············  0/3, 1 running`,
      "",
      "NODES",
      "  11111111  RUNNING  codex-1 since hh:mm:ss (30s), lease expired",
      "▸ └─ 22222222  PENDING  parser",
      "  33333333  PENDING",
      "",
      "LEASES",
      "expired  codex-1  11111111",
      "",
      "LOCKS",
      "1m 30s  codex-1  file:src/lib.rs",
      "",
      "EVENTS",
      '     1  hh:mm:ss  ACQUIRE_NODE  11111111  {"lease_owner":"codex-1"}',
      ...Array<string>(3).fill(""),
      "q quit   ↑↓ scroll",
    ]);
  });

  test("does not show another task while its own is asked for", () => {
    expect(draw(known({ opened }), { view: startAt(id("b")) }).filter((line) => line !== "")).toEqual([
      `agentd watch${" ".repeat(70)}hh:mm:ss`,
      id("b"),
      "q quit   ↑↓ scroll",
    ]);
  });
});

describe("no text of an agent can steer the terminal", () => {
  // Clear the screen; set the title; one-byte control sequence introducer; right-to-left override.
  const evil = "a\x1b[2J\x1b]0;owned\x07\u{9b}31m\u{202e}\r\nb";
  const tasks = [task("a", { goal: evil })];
  const nodes = [running("1", 5, { lease_owner: evil, payload_schema: { name: evil } })];
  const leases = leasesOf(nodes);
  const locks = [{ ...lock, owner: evil, resource_key: evil }];
  const events = [event(1, { action_type: evil, payload: { [evil]: evil } })];
  const opened = { ...task("a", { goal: evil }), task: { ...task("a", { goal: evil }), context: {} } };

  test.each([
    ["of all tasks", startAt(null)],
    ["of one task", startAt(id("a"))],
  ])("on the screen %s", (_, view) => {
    const model = known({
      tasks,
      leases,
      locks,
      events,
      opened: { ...opened, tree: drawTree(nodes), leases },
      away: evil,
    });
    // The colours of the screen itself are no danger; of what is left no character may be one that is not drawn.
    const text = Bun.stripANSI(screen(model, view, { columns: 300, rows: 40 }, now).join("")).replaceAll(
      "\u{fffd}",
      "",
    );
    expect(text.match(/[\p{Cc}\p{Cf}]/gu)).toBeNull();
    expect(text).toContain("[2J");
  });
});

test("tasks are listed with those that run first, then ACTIVE ones, each once", () => {
  const newest = [task("d", { state: "COMPLETED" }), task("c"), task("b", { state: "FAILED" })];
  const busy = task("0", { counts: { RUNNING: 1 } });
  expect(
    orderTasks([busy], newest, [task("c"), task("a")])
      .map(({ id: [digit] }) => digit)
      .join(""),
  ).toBe("0cadb");
});

describe("a bar", () => {
  test.each<[Record<string, number>, string]>([
    [{}, "··········"],
    [{ COMPLETED: 3 }, "██████████"],
    [{ COMPLETED: 999, PENDING: 1 }, "█████████·"],
    [{ COMPLETED: 5, FAILED: 2, RUNNING: 1, PENDING: 2 }, "█████xx▒··"],
  ])("of %p", (counts, drawn) => expect(Bun.stripANSI(bar(counts, 10))).toBe(drawn));
});
