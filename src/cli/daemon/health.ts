import type { Result } from "../../protocol/methods.ts";
import { command, flag } from "../command.ts";
import { prometheusText } from "./prometheus.ts";
import { printLine } from "../output.ts";
import { columns, countsText, green, red, spanText } from "../text.ts";

export const health = command({
  args: {},
  examples: [["health", "exit status 5 if the daemon answers but its database does not work"]],
  async run(_args, session) {
    const answer = await session.call("Health", {});
    session.show(answer, () => healthText(answer));
    return answer.status === "ok" ? 0 : 5;
  },
});

export const metrics = command({
  args: { prometheus: flag("print in the text format Prometheus scrapes") },
  examples: [
    ["metrics", "counters for people"],
    ["metrics --prometheus > /var/lib/node_exporter/agentd.prom", "for node_exporter's textfile collector"],
  ],
  async run({ prometheus }, session) {
    const answer = await session.call("Metrics", {});
    if (prometheus === true) printLine(prometheusText(answer).trimEnd());
    else session.show(answer, () => metricsText(answer));
  },
});

/** Tolerates the original's Health, which holds the first rows only. */
function healthText(answer: Partial<Result<"Health">>): string {
  const shown: Record<string, unknown> = { ...answer };
  if (answer.uptime_secs !== undefined) shown.uptime = spanText(answer.uptime_secs);
  const { limits = {}, settings: _given, uptime_secs: _replaced, ...facts } = shown as Partial<Result<"Health">>;
  const factRows = Object.entries(facts).map(([name, value]) => [name.replaceAll("_", " "), colourOk(String(value))]);
  return [...columns(factRows), "limits:", ...columns(counterRows(limits))].join("\n");
}

function colourOk(text: string): string {
  if (text === "ok") return green(text);
  return text === "degraded" ? red(text) : text;
}

function metricsText({ runtime, database, uptime_secs: uptime }: Result<"Metrics">): string {
  const { node_status_counts: statuses, ...tables } = database;
  return [
    `since the daemon started, ${spanText(uptime)} ago:`,
    ...columns(counterRows(runtime)),
    "in the database:",
    ...columns([...counterRows(tables), ["  nodes by status", countsText(statuses)]]),
  ].join("\n");
}

function counterRows(counts: Record<string, number>): string[][] {
  return Object.entries(counts).map(([name, value]) => [`  ${name.replaceAll("_", " ")}`, String(value)]);
}
