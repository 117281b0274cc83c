import type { Model } from "./model.ts";

/** What a key asks for. */
export type Key = "up" | "down" | "page up" | "page down" | "home" | "end" | "enter" | "back" | "quit" | "suspend";

/** What the user looks at. */
export interface View {
  /** The task looked into; null where all are listed. */
  opened: string | null;
  /** There is no list behind the opened task: the command line named it. */
  only: boolean;
  /** The chosen task; the first one until something was chosen. */
  selected: string | null;
  /** The chosen row of the opened task's tree. */
  row: number;
}

export function startAt(taskId: string | null): View {
  return { opened: taskId, only: taskId !== null, selected: null, row: 0 };
}

/** What is seen after a key; null when the user has seen enough. `page` is what one page moves by, in rows. */
export function press(view: View, key: Key, model: Model, page: number): View | null {
  if (key === "quit") return null;
  if (view.opened !== null) return pressInTask(view, key, model, page);
  if (key === "back") return null;
  const at = selectedIndex(view, model);
  const chosen = model.tasks[moved(at, key, page, model.tasks.length)]?.id ?? null;
  if (key === "enter") return chosen === null ? view : { ...view, opened: chosen, selected: chosen, row: 0 };
  return { ...view, selected: chosen };
}

function pressInTask(view: View, key: Key, model: Model, page: number): View | null {
  if (key === "back") return view.only ? null : { ...view, opened: null };
  return { ...view, row: moved(view.row, key, page, model.opened?.tree.rows.length ?? 0) };
}

/** Where the chosen task stands in the list, which changes its order. */
export function selectedIndex({ selected }: View, { tasks }: Model): number {
  return Math.max(
    0,
    tasks.findIndex(({ id }) => id === selected),
  );
}

function moved(at: number, key: Key, page: number, count: number): number {
  const steps: Partial<Record<Key, number>> = { up: -1, down: 1, "page up": -page, "page down": page };
  if (key === "home") return 0;
  const wanted = key === "end" ? count - 1 : at + (steps[key] ?? 0);
  return Math.max(0, Math.min(wanted, count - 1));
}

const keys: Readonly<Record<string, Key>> = {
  "\x1b[A": "up",
  "\x1bOA": "up",
  k: "up",
  "\x1b[B": "down",
  "\x1bOB": "down",
  j: "down",
  "\x1b[5~": "page up",
  b: "page up",
  "\x1b[6~": "page down",
  " ": "page down",
  "\x1b[H": "home",
  "\x1bOH": "home",
  "\x1b[1~": "home",
  g: "home",
  "\x1b[F": "end",
  "\x1bOF": "end",
  "\x1b[4~": "end",
  G: "end",
  "\r": "enter",
  "\n": "enter",
  "\x1b": "back",
  "\x1b[D": "back",
  q: "quit",
  "\x03": "quit",
  "\x04": "quit",
  "\x1a": "suspend",
};

// oxlint-disable-next-line no-control-regex -- a terminal sends keys as control sequences
const strokes = /\x1b[[O][\d;]*[A-Za-z~]|[^]/gu;

/** The keys in what a terminal sent; what means nothing here is left out. */
export function keysOf(sent: string): Key[] {
  return Array.from(sent.matchAll(strokes), ([stroke]) => keys[stroke]).filter((key) => key !== undefined);
}
