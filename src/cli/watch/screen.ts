import { shortIds } from "../ids.ts";
import {
  bold,
  clip,
  dim,
  fitted,
  green,
  momentText,
  oneLine,
  progressText,
  red,
  share,
  spanText,
  yellow,
  counted,
} from "../text.ts";
import { stateText } from "../node/text.ts";
import { noTasks, type Tree, treeLine } from "../task/tree.ts";
import type { EventLine, Lease, Lock, Model, Opened, Task } from "./model.ts";
import { selectedIndex, type View } from "./view.ts";
import { present } from "../../protocol/present.ts";

/** A terminal's size in characters. */
export interface Size {
  columns: number;
  rows: number;
}

/** A titled part of the screen, which may have more rows than there is room for. */
interface Panel {
  title: string;
  /** Rows it has. */
  count: number;
  /** Where it cannot list all there is, how many that is. */
  total?: number;
  /** The first row wanted when `height` rows fit: a chosen one stays in the middle where there is more on both sides. */
  top: (height: number) => number;
  rows: (from: number, to: number) => string[];
}

const idColumns = 8;

/** The whole screen, a text for each of its rows, none wider than it. */
export function screen(model: Model, view: View, size: Size, nowMs: number): string[] {
  const { opened } = model;
  const loaded = view.opened === null ? model.listed : view.opened === opened?.task.id;
  const panels = loaded ? panelsOf(model, view, size.columns, nowMs) : [];
  const head = header(model, view, size, nowMs);
  const body = fill(panels, Math.max(0, size.rows - head.length - 1));
  const lines = [...head, ...body, ...Array<string>(size.rows).fill("")].slice(0, Math.max(0, size.rows - 1));
  return [...lines, footer(model, view)].map((line) => clip(line, size.columns));
}

function header(model: Model, view: View, size: Size, nowMs: number): string[] {
  const clock = momentText(nowMs / 1000).slice(11);
  const { opened } = model;
  const title = bold("agentd watch");
  if (view.opened === null) return [spread(title, `${summary(model)}  ${clock}`, size.columns), ""];
  if (opened?.task.id !== view.opened) return [spread(title, clock, size.columns), "", view.opened];
  const { task, state, counts } = opened;
  return [
    spread(bold(oneLine(task.goal, Math.max(1, size.columns - clock.length - 2))), clock, size.columns),
    `${task.id}  ${stateText(state, task)}  ${bar(counts, barColumns)}  ${progressText(counts)}`,
    "",
  ];
}

/** Counts of everything, whatever part of it is listed. */
function summary({ listed, totals, locks }: Model): string {
  if (!listed) return "";
  const waiting = locks.reduce((sum, lock) => sum + lock.waiting, 0);
  const counts = [counted(totals.tasks, "task"), `${totals.running} running`, counted(locks.length, "lock")];
  return [...counts, ...(waiting === 0 ? [] : [`${waiting} waiting`])].join(", ");
}

function spread(left: string, right: string, width: number): string {
  const gap = width - Bun.stringWidth(left) - Bun.stringWidth(right);
  return gap < 2 ? left : `${left}${" ".repeat(gap)}${dim(right)}`;
}

function footer({ away }: Model, view: View): string {
  if (away !== null) return red(`the daemon is away, trying again: ${oneLine(away, 200)}`);
  if (view.opened === null) return dim("q quit   ↑↓ choose   Enter look into a task");
  return dim(view.only ? "q quit   ↑↓ scroll" : "q quit   ↑↓ scroll   Esc back to all tasks");
}

/** The panels in order of importance: a low screen shows the first ones only. */
function panelsOf(model: Model, view: View, width: number, nowMs: number): Panel[] {
  const { opened, locks, events } = model;
  if (view.opened === null || opened === null) {
    const leases = { ...leasePanel(model.leases, width, nowMs), total: model.totals.running };
    const panels = [leases, lockPanel(locks, width, nowMs), eventPanel(events, width)];
    return [taskPanel(model, view, width, nowMs), ...panels.filter(({ count }) => count > 0)];
  }
  const ofTask = ({ task_id: id }: Lock) => id === view.opened;
  const panels = [
    leasePanel(opened.leases, width, nowMs, opened.tree),
    lockPanel(locks.filter(ofTask), width, nowMs),
    eventPanel(
      events.filter(({ taskId }) => taskId === view.opened),
      width,
      opened.tree,
    ),
  ];
  return [treePanel(opened, view, nowMs), ...panels.filter(({ count }) => count > 0)];
}

/** Panels one below the other in `height` rows, an empty row between two. */
function fill(panels: readonly Panel[], height: number): string[] {
  // A panel is worth its title and a row, and the empty row before the next.
  const shown = panels.slice(0, Math.max(1, Math.floor((height + 1) / 3)));
  const heights = share(
    height - (shown.length - 1),
    shown.map(({ count }) => count + 1),
  );
  return shown.flatMap((panel, index) => [
    ...(index === 0 ? [] : [""]),
    ...draw(panel, present(heights[index], "the height of a panel")),
  ]);
}

function draw({ title, count, total = count, top, rows }: Panel, height: number): string[] {
  if (height <= 0) return [];
  const room = Math.min(height - 1, count);
  if (total <= room) return [dim(title), ...rows(0, count)];
  const from = Math.max(0, Math.min(top(room), count - room));
  const shown = room === 0 ? `${total}` : `${from + 1}–${from + room} of ${total}`;
  return [dim(`${title}  ${shown}`), ...rows(from, from + room)];
}

const first = () => 0;
/** A column that is cut before others are. */
const gives = { gives: true } as const;
/** Who holds something is shown whole where there is room for it at all. */
const ownerColumns = 200;
const waitersNamed = 3;
const barColumns = 20;

function taskPanel(model: Model, view: View, width: number, nowMs: number): Panel {
  const { tasks, totals } = model;
  const at = selectedIndex(view, model);
  const names = shortIds(tasks.map(({ id }) => id));
  const row = (task: Task, index: number) => [
    `${marker(index === at)} ${names.get(task.id) ?? task.id}`,
    stateText(task.state, task),
    bar(task.counts, barColumns),
    progressText(task.counts),
    oneLine(task.name ?? task.goal, 80),
    dim(`${spanText(nowMs / 1000 - Date.parse(task.created_at) / 1000)} old`),
  ];
  if (tasks.length === 0) return { title: "TASKS", count: 1, top: first, rows: () => [noTasks] };
  return {
    title: "TASKS",
    count: tasks.length,
    top: (height) => at - Math.floor(height / 2),
    total: totals.tasks,
    rows: (from, to) =>
      fitted(
        tasks.slice(from, to).map((task, index) => row(task, from + index)),
        [{}, {}, {}, {}, gives, {}],
        width,
      ),
  };
}

function treePanel({ tree }: Opened, { row: chosen }: View, nowMs: number): Panel {
  const at = Math.min(chosen, tree.rows.length - 1);
  return {
    title: "NODES",
    count: tree.rows.length,
    top: (height) => at - Math.floor(height / 2),
    rows: (from, to) =>
      tree.rows
        .slice(from, to)
        .map((row, index) => `${marker(from + index === at)} ${treeLine(row, tree, nowMs / 1000)}`),
  };
}

const marker = (chosen: boolean) => (chosen ? bold("▸") : " ");
const shortened = (id: string) => id.slice(0, idColumns);

function leasePanel(leases: readonly Lease[], width: number, nowMs: number, tree?: Tree): Panel {
  const row = ({ taskId, nodeId, label, progress, owner, expiresAtMs }: Lease) => [
    timeLeft(expiresAtMs, nowMs),
    oneLine(owner, ownerColumns),
    ...(tree === undefined ? [dim(shortened(taskId)), shortened(nodeId)] : [tree.idOf(nodeId)]),
    label,
    progress,
  ];
  const ofAll = [{}, {}, {}, {}, gives, gives];
  const ofTask = [{}, {}, {}, gives, gives];
  return {
    title: "LEASES",
    count: leases.length,
    top: first,
    rows: (from, to) => fitted(leases.slice(from, to).map(row), tree === undefined ? ofAll : ofTask, width),
  };
}

function lockPanel(locks: readonly Lock[], width: number, nowMs: number): Panel {
  const row = ({ lease_expires_at_ms: expiresAtMs, owner, resource_key: key, waiting, waiters }: Lock) => [
    timeLeft(expiresAtMs, nowMs),
    oneLine(owner, ownerColumns),
    oneLine(key, 200),
    waiting === 0 ? "" : yellow(waitingText(waiting, waiters)),
  ];
  return {
    title: "LOCKS",
    count: locks.length,
    top: first,
    rows: (from, to) => fitted(locks.slice(from, to).map(row), [{}, {}, gives, gives], width),
  };
}

/** `2 waiting: codex-2, claude-1`. */
function waitingText(waiting: number, waiters: readonly string[]): string {
  const names = waiters.slice(0, waitersNamed).map((name) => oneLine(name, ownerColumns));
  const more = waiting > names.length ? [`${waiting - names.length} more`] : [];
  return names.length === 0 ? `${waiting} waiting` : `${waiting} waiting: ${[...names, ...more].join(", ")}`;
}

function eventPanel(events: readonly EventLine[], width: number, tree?: Tree): Panel {
  const row = ({ seq, atMs, action, taskId, nodeId, words }: EventLine) => [
    String(seq).padStart(6),
    dim(momentText(atMs / 1000).slice(11)),
    oneLine(action, 30),
    nodeId === null ? shortened(taskId ?? "") : (tree?.nameOf(nodeId) ?? shortened(nodeId)),
    dim(words),
  ];
  return {
    title: "EVENTS",
    count: events.length,
    top: (height) => events.length - height,
    rows: (from, to) => fitted(events.slice(from, to).map(row), [{}, {}, {}, {}, gives], width),
  };
}

function timeLeft(expiresAtMs: number, nowMs: number): string {
  // In the daemon's whole seconds, as the tree shows them.
  const left = Math.round(Math.floor(expiresAtMs / 1000) - nowMs / 1000);
  if (left <= 0) return red("expired");
  return left <= 10 ? yellow(spanText(left)) : spanText(left);
}

const parts = [
  ["COMPLETED", "█", green],
  ["FAILED", "x", red],
  ["RUNNING", "▒", yellow],
  ["PENDING", "·", dim],
] as const;

/** Counts as a bar: what is left rounds up, so only a task that is done looks done. */
export function bar(counts: Task["counts"], width: number): string {
  const total = parts.reduce((sum, [status]) => sum + (counts[status] ?? 0), 0);
  if (total === 0) return dim("·".repeat(width));
  let before = 0;
  let drawn = 0;
  return parts
    .map(([status, mark, paint]) => {
      before += counts[status] ?? 0;
      const end = Math.floor((width * before) / total);
      const text = mark.repeat(end - drawn);
      drawn = end;
      return text === "" ? "" : paint(text);
    })
    .join("");
}
