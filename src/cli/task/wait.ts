import type { Result } from "../../protocol/methods.ts";
import { limits } from "../../protocol/limits.ts";
import { endingKinds, type Kind } from "../../protocol/transitions.ts";
import { command, option, taskArg } from "../command.ts";
import type { Exit } from "../exits.ts";
import { resolveTask } from "../ids.ts";
import type { Session } from "../session.ts";
import { isScreen } from "../streams.ts";
import { countsText, oneLine, statusText } from "../text.ts";
import { readDuration } from "../values.ts";

type Status = Result<"TaskStatus">;

/** A task may end hundreds of nodes a second; its status is asked for this often at most. */
const restMs = 100;

export const wait = command({
  args: {
    ...taskArg,
    timeout: option("DURATION", "give up after 90s, 5m, 1h (never)"),
  },
  examples: [
    ["task wait 0197f3a2 --timeout 1h", "in a script: 0 COMPLETED, 1 FAILED, 3 timed out"],
    ["task wait 0197f3a2", "watch it; a terminal shows a live line"],
  ],
  async run({ task, timeout }, session) {
    const deadline = timeout === undefined ? Infinity : Date.now() + readDuration(timeout, "timeout") * 1000;
    const task_id = await resolveTask(session, task);
    const progress = progressLine(session);
    const status = await waitForEnd(session, task_id, deadline, progress.show);
    progress.clear();
    session.show(status, () => `${statusText(status.state)}: ${countsText(status.counts)}`);
    if (status.state !== "COMPLETED") session.note(nextStep(status));
    return exitOf[status.state];
  },
});

/** What a task's state at the end of the wait means to a script. */
export const exitOf = { COMPLETED: 0, FAILED: 1, ACTIVE: 3 } as const satisfies Record<Status["state"], Exit>;

function nextStep({ state, task: { id, paused } }: Status): string {
  if (state === "FAILED") return `why: agentd task status ${id}; to try again: agentd task retry ${id}`;
  if (paused) return `timed out, and the task is paused; go on with: agentd task resume ${id}`;
  return `timed out; who holds what: agentd task status ${id}`;
}

/** What can end a task, and what the live line tells beside that. */
const telling: Kind[] = [...endingKinds, "PAUSE_TASK", "RESUME_TASK"];

/** The task's status once it is over or time is up. */
async function waitForEnd(
  session: Session,
  task_id: string,
  deadline: number,
  show: (status: Status) => void,
): Promise<Status> {
  let { last_seq: after_seq } = await session.call("Health", {});
  for (;;) {
    const status = await session.call("TaskStatus", { task_id });
    const left = deadline - Date.now();
    if (status.state !== "ACTIVE" || left <= 0) return status;
    show(status);
    const wait_ms = Math.ceil(Math.min(left, limits.waitMsMax));
    const filter = { task_id, action_types: telling };
    const page = await session.call("ListEvents", { ...filter, after_seq, wait_ms });
    after_seq = page.next_after_seq;
    await Bun.sleep(Math.min(restMs, Math.max(0, deadline - Date.now())));
  }
}

/** A line on standard error that is written over and over; nothing where standard error is no terminal. */
function progressLine(session: Session) {
  const { stderr } = process;
  const live = isScreen("stderr") && !session.globals.json;
  const write = (text: string) => {
    if (live) stderr.write(`\r\x1b[K${text}`);
  };
  return {
    show: ({ task, counts }: Status) => {
      const { name, goal, paused } = task;
      write(`waiting for ${oneLine(name ?? goal, 40)}${paused ? " (paused)" : ""}: ${countsText(counts)}`);
    },
    clear: () => write(""),
  };
}
