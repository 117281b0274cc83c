import type { Result } from "../../protocol/methods.ts";
import { argument, command, idempotencyKey, option, repeatableOption, taskArg } from "../command.ts";
import { resolveTask, shortener } from "../ids.ts";
import { stateText } from "../node/text.ts";
import { resolveResources } from "../lock/keys.ts";
import { inFile, readTaskFile } from "./file.ts";
import { briefCounts, briefMoment, type Column, counted, countsText, momentText, oneLine, table } from "../text.ts";
import { noTasks, taskText } from "./tree.ts";
import { readInteger, readLabels, readWhole } from "../values.ts";

export const register = command({
  args: {
    file: argument("the task as .json, .yaml or .toml, or - for standard input"),
    name: option("NAME", "what to call the task, instead of what the file says"),
    label: repeatableOption("K=V", "a label beside those of the file; may be repeated"),
    priority: option("N", "the higher goes first where a worker takes nodes of any task"),
    ...idempotencyKey,
  },
  examples: [
    ["task register plan.yaml", "store the task in plan.yaml"],
    [
      "task register plan.yaml --name port --label team=parsers --priority 10",
      "named port, with a label, ahead of others",
    ],
    ["task register - --idempotency-key nightly-42 < plan.toml", "registered once, even if the command is repeated"],
  ],
  notes: [
    "A task file holds what RegisterTask takes: goal, context, name, labels, priority and initial_nodes (or nodes). A node",
    "may have a name, and dependencies may be names:",
    "",
    "  goal: Port the parser",
    "  nodes:",
    "    - name: grammar",
    "      payload_schema: { prompt: write the grammar }",
    "    - name: parser",
    "      dependencies: [grammar]",
    "      max_attempts: 3",
    "      backoff_secs: 10",
    "      on_dependency_failure: skip",
    "      resources: [dir:src/parser, { resource_key: file:Cargo.toml, mode: shared }]",
    "",
    "All fields of a node: agentd describe RegisterTask",
  ].join("\n"),
  async run({ file, name, label, priority, "idempotency-key": key }, session) {
    const labels = readLabels(label);
    const said = {
      ...(name === undefined ? {} : { name }),
      ...(priority === undefined ? {} : { priority: readInteger(priority, "--priority") }),
    };
    const params = await readTaskFile(file);
    const all = labels === undefined ? {} : { labels: { ...params.labels, ...labels } };
    const initial_nodes = await resolveResources(params.initial_nodes ?? []);
    const wanted = { ...params, ...said, ...all, initial_nodes };
    const task = await session.call("RegisterTask", wanted, key).catch(inFile(file));
    const nodes = task.nodes.length;
    session.show(task, () => `registered task ${task.task_id} with ${counted(nodes, "node")}`);
    if (nodes > 0) session.note(`next: agentd node acquire ${task.task_id} --owner NAME`);
  },
});

export const list = command({
  args: {
    state: { type: "enum", options: ["ACTIVE", "COMPLETED", "FAILED"], description: "only tasks in this state" },
    label: repeatableOption("K=V", "only tasks with this label; repeatable"),
    limit: option("N", "at most this many (50)"),
    before: option("TASK", "only tasks older than this one"),
  },
  examples: [
    ["task list", "the newest tasks"],
    ["task list --label team=parsers", "those with a label"],
    ["task list --state ACTIVE --json", "for a program"],
  ],
  async run({ state, label, limit, before }, session) {
    const page = await session.call("ListTasks", {
      state,
      labels: readLabels(label),
      limit: limit === undefined ? undefined : readWhole(limit, "limit"),
      before: before === undefined ? undefined : await resolveTask(session, before),
    });
    session.show(page, () => tasksText(page.tasks));
    if (page.next_before !== null) session.note(`older ones: agentd task list --before ${page.next_before}`);
  },
});

/** Tasks as a table. */
export function tasksText(tasks: Result<"ListTasks">["tasks"]): string {
  const brief = shortener(tasks.map(({ id }) => id));
  const shape: Column<(typeof tasks)[number]>[] = [
    ["TASK", ({ id }) => id, { brief }],
    ["STATE", (task) => stateText(task.state, task)],
    ["NODES", ({ counts }) => countsText(counts), { brief: briefCounts }],
    ["CREATED", (task) => momentText(Date.parse(task.created_at) / 1000), { brief: briefMoment }],
    ["PRIORITY", ({ priority }) => (priority === 0 ? "" : String(priority))],
    ["NAME", ({ name }) => oneLine(name ?? "", 40), { gives: true, goes: true }],
    ["GOAL", ({ goal }) => oneLine(goal, 60), { gives: true, goes: true }],
  ];
  return table(tasks, shape, noTasks);
}

export const status = command({
  args: taskArg,
  examples: [
    ["task status 0197f3a2", "the nodes as a tree, and who holds which"],
    ["task status port", "of the task with this name"],
    ["task status 0197f3a2 --json", "everything about every node"],
  ],
  async run({ task }, session) {
    const task_id = await resolveTask(session, task);
    const answer = await session.call("TaskStatus", { task_id });
    session.show(answer, () => taskText(answer, Date.now() / 1000));
  },
});
