import { command, flag, taskArg } from "../command.ts";
import { resolveTask } from "../ids.ts";
import { isFullScreenPossible, Terminal } from "./terminal.ts";
import type { Session } from "../session.ts";
import { Feed } from "./feed.ts";
import { screen } from "./screen.ts";
import { type Key, press, startAt, type View } from "./view.ts";
import type { Result } from "../../protocol/methods.ts";
import { endingKinds } from "../../protocol/transitions.ts";
import { followEvents } from "../journal/events.ts";
import { tasksText } from "../task/commands.ts";
import { exitOf } from "../task/wait.ts";
import type { Exit } from "../exits.ts";
import { countsText, statusText } from "../text.ts";
import { taskText } from "../task/tree.ts";
import { orderTasks } from "./model.ts";

export const watch = command({
  args: {
    task: { ...taskArg.task, required: false },
    plain: flag("print lines, as it does where the output is no terminal"),
  },
  examples: [
    ["watch", "all tasks, who works on what until when, locks and the last events"],
    ["watch 0197f3a2", "one task and its nodes as a tree"],
    ["watch 0197f3a2 --plain >> task.log", "a log; ends with the task: 0 COMPLETED, 1 FAILED"],
    ["watch --json | jq -r '.action_type // empty'", "for a program"],
  ],
  notes: [
    "On a terminal this is a live screen. Up and down (k, j), page up and down (b, space), home and end (g, G) choose or",
    "scroll, Enter opens a task, Escape goes back, q quits. If the daemon goes away, the screen waits for it.",
    "",
    "Elsewhere, and with --plain, it prints the state and then events as `event list --follow` does; with TASK, until that",
    "task has ended. With --json each is an object on its own line: first the state, as {tasks, locks} or as TaskStatus gives",
    "it, then events, and last the TaskStatus of a task that has ended.",
  ].join("\n"),
  async run({ task, plain }, session) {
    const task_id = task === undefined ? null : await resolveTask(session, task);
    if (plain !== true && !session.globals.json && isFullScreenPossible()) {
      // A daemon that cannot be reached or started is reported as by any other command, before the screen is taken.
      await session.client();
      await watchScreen(session, task_id);
      return 0;
    }
    return task_id === null ? printAll(session) : printTask(session, task_id);
  },
});

const clockMs = 1_000;

/** Shows all tasks, or one, until the user has seen enough. */
async function watchScreen(session: Session, taskId: string | null): Promise<void> {
  const quit = Promise.withResolvers<void>();
  let view: View = startAt(taskId);
  using feed = new Feed(session, taskId, draw);
  using terminal = new Terminal({ key: pressed, redraw: draw });

  function draw(): void {
    terminal.draw(screen(feed.model, view, terminal.size, Date.now()));
  }

  function pressed(key: Key): void {
    if (key === "suspend") return terminal.suspend();
    const next = press(view, key, feed.model, Math.max(1, Math.floor(terminal.size.rows / 2)));
    if (next === null) return quit.resolve();
    if (next.opened !== view.opened) feed.open(next.opened);
    view = next;
    draw();
  }

  draw();
  // Time left runs down by itself: that asks nobody.
  const clock = setInterval(draw, clockMs);
  try {
    await Promise.race([quit.promise, feed.run()]);
  } finally {
    clearInterval(clock);
  }
}

type Status = Result<"TaskStatus">;

const tasksShown = 50;

/** Prints the tasks, and then events as they come. */
async function printAll(session: Session): Promise<Exit> {
  // Asked for first, so that nothing falls between the list and the events.
  const { last_seq: after } = await session.call("Health", {});
  const running = await session.call("ListTasks", { running: true, limit: tasksShown });
  const newest = await session.call("ListTasks", { limit: tasksShown });
  const { locks } = await session.call("ListResourceLocks", {});
  const tasks = orderTasks(running.tasks, newest.tasks);
  session.show({ tasks, locks }, () => tasksText(tasks));
  return followEvents(session, {}, after);
}

/** Prints a task, its events as they come, and how it ended; the exit status tells that too, as `task wait` does. */
async function printTask(session: Session, task_id: string): Promise<Exit> {
  const { last_seq: after } = await session.call("Health", {});
  let status: Status = await session.call("TaskStatus", { task_id });
  session.show(status, () => taskText(status, Date.now() / 1000));
  if (status.state !== "ACTIVE") return exitOf[status.state];
  await followEvents(session, { task_id }, after, async (events) => {
    const mayEnd = ({ origin, action_type: action }: (typeof events)[number]) =>
      origin === "daemon" && endingKinds.some((kind) => kind === action);
    if (!events.some(mayEnd)) return false;
    status = await session.call("TaskStatus", { task_id });
    return status.state !== "ACTIVE";
  });
  if (status.state === "ACTIVE") return 0;
  session.show(status, () => `${statusText(status.state)}: ${countsText(status.counts)}`);
  return exitOf[status.state];
}
