import type { Result } from "../../protocol/methods.ts";
import { argument, command, flag, idempotencyKey, optionalArgument } from "../command.ts";
import { Failure } from "../exits.ts";
import { suggest } from "../../protocol/nearest.ts";
import { bold, columns } from "../text.ts";
import { readJson } from "../values.ts";

type Described = Result<"DescribeInterface">["methods"][number];

export const describe = command({
  args: { method: optionalArgument("a method, by any of its names") },
  examples: [
    ["describe", "every method in one line each"],
    ["describe AcquireNextNode", "one method: parameters, result, refusals, example"],
    ["describe --json", "all of it, with JSON Schemas"],
  ],
  async run({ method }, session) {
    const protocol = await session.call("DescribeInterface", {});
    if (method === undefined) {
      session.show(protocol, () => overviewText(protocol));
      return;
    }
    const row = protocol.methods.find((each) => each.method === method || each.aliases.includes(method));
    if (row === undefined) {
      const names = protocol.methods.map((each) => each.method);
      throw new Failure(
        "UNKNOWN_METHOD",
        `there is no method ${method}${suggest(method, names)}; see: agentd describe`,
      );
    }
    session.show(row, () => methodText(row));
  },
});

export const call = command({
  args: {
    method: argument("a method, by any of its names"),
    params: optionalArgument("its parameters: JSON, - for standard input, or @FILE"),
    strict: flag("refuse fields the method does not know, which are otherwise ignored with a warning"),
    ...idempotencyKey,
  },
  examples: [
    ["call Health", "a method without parameters"],
    [`call TaskStatus '{"task_id":"0197f3a2-5c1e-7b64-9d3a-2f6e8c1b4a70"}'`, "one with parameters"],
    ["call RegisterTask - < task.json", "parameters from standard input"],
  ],
  notes: "Prints the result as the daemon sent it: indented for people, one line with --json.",
  async run({ method, params, strict, "idempotency-key": key }, session) {
    const value = await readJson(params ?? "{}", "PARAMS");
    const { result } = await session.request(method, value, { idempotencyKey: key, strict });
    session.show(result, () => JSON.stringify(result, null, 2));
  },
});

function overviewText(protocol: Result<"DescribeInterface">): string {
  const { server, transport, framing, methods } = protocol;
  return [
    `${protocol.protocol} over a ${transport}: ${framing}`,
    `spoken by ${server.name} ${server.version} (${server.commit})`,
    "",
    ...columns(methods.map((row) => [bold(row.method), row.summary])),
    "",
    "One of them: agentd describe METHOD",
  ].join("\n");
}

function methodText(row: Described): string {
  return [
    `${bold(row.method)}: ${row.summary}`,
    `also called ${row.aliases.join(", ")}`,
    "",
    `params   ${JSON.stringify(row.params, null, 2)}`,
    `result   ${JSON.stringify(row.result, null, 2)}`,
    `refusals ${row.refusals.join(", ") || "none of its own"}`,
    "",
    "Example:",
    `  agentd call ${row.method} '${JSON.stringify(row.example.params)}'`,
    `  ${JSON.stringify(row.example.result)}`,
  ].join("\n");
}
