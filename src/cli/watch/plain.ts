import type { Result } from "../../protocol/methods.ts";
import { endingKinds } from "../../protocol/transitions.ts";
import { followEvents } from "../journal/events.ts";
import { tasksText } from "../task/commands.ts";
import { exitOf } from "../task/wait.ts";
import type { Exit } from "../exits.ts";
import type { Session } from "../session.ts";
import { countsText, statusText } from "../text.ts";
import { taskText } from "../task/tree.ts";
import { orderTasks } from "./model.ts";

type Status = Result<"TaskStatus">;

const tasksShown = 50;

/** Prints the tasks, and then events as they come. */
export async function printAll(session: Session): Promise<Exit> {
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
export async function printTask(session: Session, task_id: string): Promise<Exit> {
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
