import { counted } from "../text.ts";
import { argument, command, idempotencyKey, option, repeatableOption, taskArg } from "../command.ts";
import { resolveLease, resolveNodes, resolveTask } from "../ids.ts";
import { resolveResources } from "../lock/keys.ts";
import { inFile, readNodesFile } from "../task/file.ts";
import { readList } from "../values.ts";

export const add = command({
  args: {
    ...taskArg,
    file: argument("the nodes as .json, .yaml or .toml, or - for standard input"),
    before: repeatableOption("NODE", "make this PENDING node wait for the new ones; repeatable"),
    lease: option("LEASE", "the lease of the worker that adds them; refused once it has ended"),
    ...idempotencyKey,
  },
  examples: [
    ["node add 0197f3a2 more.yaml", "extend a task's DAG while it runs"],
    ["node add 0197f3a2 more.yaml --before release", "and make a node wait for the new ones"],
    ["node add 0197f3a2 - --lease b1c9d7e2 < found.json", "as a worker that found more work"],
  ],
  notes: [
    "The file holds a list of nodes, or an object with nodes, written as in a task file. Dependencies may name nodes that the",
    "task already has:",
    "",
    "  - name: lexer",
    "    dependencies: [grammar]",
  ].join("\n"),
  async run({ task, file, before, lease, "idempotency-key": key }, session) {
    const nodes = await resolveResources(await readNodesFile(file));
    const task_id = await resolveTask(session, task);
    const expand_before = await resolveNodes(session, task_id, readList(before));
    const lease_id = lease === undefined ? undefined : await resolveLease(session, task_id, lease);
    const params = { task_id, nodes, expand_before, lease_id };
    const added = await session.call("AddNodes", params, key).catch(inFile(file));
    const count = added.nodes.length;
    session.show(added, () => `added ${counted(count, "node")} to task ${task_id}`);
  },
});
