import { Failure } from "../exits.ts";
import { resolveTask } from "../ids.ts";
import type { Session } from "../session.ts";
import { readLabels } from "../values.ts";

/** Which nodes a worker takes. */
export interface NodeChoice {
  /** Of any task when undefined. */
  task_id: string | undefined;
  /** Those a node must have. */
  labels: Record<string, string> | undefined;
}

/** The arguments that choose, as given. */
interface Given {
  task: string | undefined;
  any: boolean | undefined;
  label: unknown;
}

/**
 * Nobody takes another project's nodes for want of a word: whoever means those of any task says so, by a label or by `--any`.
 * `taskShown` is how the command at hand is told a task.
 * @throws {Failure} USAGE
 */
export async function readChoice(
  session: Session,
  { task, any = false, label }: Given,
  taskShown: string,
): Promise<NodeChoice> {
  const labels = readLabels(label);
  if (task !== undefined && any) throw new Failure("USAGE", `${taskShown} and --any exclude each other; leave one out`);
  if (task === undefined && !any && labels === undefined) {
    const advice = "for a node of any task give --any or --label K=V";
    throw new Failure("USAGE", `${taskShown} is missing; ${advice}`);
  }
  return { task_id: task === undefined ? undefined : await resolveTask(session, task), labels };
}
