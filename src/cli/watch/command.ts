import { command, flag, taskArg } from "../command.ts";
import { resolveTask } from "../ids.ts";
import { watchScreen } from "./full-screen.ts";
import { printAll, printTask } from "./plain.ts";
import { isFullScreenPossible } from "./terminal.ts";

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
