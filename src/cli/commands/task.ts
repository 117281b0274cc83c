import type { Result } from "../../protocol/methods.ts";
import { command, idempotencyKey, taskArg } from "../command.ts";
import { resolveTask } from "../ids.ts";
import { readTaskFile } from "../task-file.ts";
import { countsText, momentText, oneLine, statusText, table } from "../text.ts";
import { noTasks, taskText } from "../tree.ts";
import { readWhole } from "../values.ts";

export const register = command({
  args: {
    file: {
      type: "positional",
      required: true,
      description: "the task as .json, .yaml or .toml, or - for standard input",
    },
    ...idempotencyKey,
  },
  examples: [
    ["task register plan.yaml", "store the task in plan.yaml"],
    ["task register - --idempotency-key nightly-42 < plan.toml", "once, however often this is repeated"],
  ],
  notes: [
    "A task file holds what RegisterTask takes: goal, context and initial_nodes (or nodes), each node with id,",
    "dependencies and payload_schema. A node may have a name, and dependencies may be names:",
    "",
    "  goal: Port the parser",
    "  nodes:",
    "    - name: grammar",
    "    - name: parser",
    "      dependencies: [grammar]",
    "",
    "A name is kept as payload_schema.name, unless the node has that already.",
  ].join("\n"),
  async run({ file, "idempotency-key": key }, session) {
    const params = await readTaskFile(file, key);
    const task = await session.call("RegisterTask", params, key);
    const nodes = params.initial_nodes.length;
    session.show(task, () => `registered task ${task.task_id} with ${nodes} ${nodes === 1 ? "node" : "nodes"}`);
    session.note(`next: agentd node acquire ${task.task_id} --owner NAME`);
  },
});

export const list = command({
  args: {
    state: { type: "enum", options: ["ACTIVE", "COMPLETED", "FAILED"], description: "only tasks in this state" },
    limit: { type: "string", valueHint: "N", description: "at most this many (50)" },
    before: { type: "string", valueHint: "TASK", description: "only tasks older than this one" },
  },
  examples: [
    ["task list", "the newest tasks"],
    ["task list --state ACTIVE --json", "for a program"],
  ],
  async run({ state, limit, before }, session) {
    const page = await session.call("ListTasks", {
      state,
      limit: limit === undefined ? undefined : readWhole(limit, "limit"),
      before: before === undefined ? undefined : await resolveTask(session, before),
    });
    session.show(page, () => tasksText(page.tasks));
    if (page.next_before !== null) session.note(`older ones: agentd task list --before ${page.next_before}`);
  },
});

/** Tasks as a table. */
export function tasksText(tasks: Result<"ListTasks">["tasks"]): string {
  const rows = tasks.map((task) => [
    task.id,
    statusText(task.state),
    countsText(task.counts),
    momentText(Date.parse(task.created_at) / 1000),
    oneLine(task.goal, 60),
  ]);
  return table(["TASK", "STATE", "NODES", "CREATED", "GOAL"], rows, noTasks);
}

export const status = command({
  args: taskArg,
  examples: [
    ["task status 0197f3a2", "the nodes as a tree, and who holds which"],
    ["task status 0197f3a2 --json", "everything about every node"],
  ],
  async run({ task }, session) {
    const task_id = await resolveTask(session, task);
    const answer = await session.call("TaskStatus", { task_id });
    session.show(answer, () => taskText(answer, Date.now() / 1000));
  },
});
