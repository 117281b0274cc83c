import type { Result } from "../../protocol/methods.ts";
import { command } from "../command.ts";
import { prometheusText } from "../prometheus.ts";
import { columns, countsText, green, red, spanText } from "../text.ts";

export const health = command({
  args: {},
  examples: [["health", "exit status 5 when the daemon answers but its database does not work"]],
  async run(_args, session) {
    const answer = await session.call("Health", {});
    session.show(answer, () => healthText(answer));
    return answer.status === "ok" ? 0 : 5;
  },
});

export const metrics = command({
  args: { prometheus: { type: "boolean", description: "print in the text format Prometheus scrapes" } },
  examples: [
    ["metrics", "counters for people"],
    ["metrics --prometheus > /var/lib/node_exporter/agentd.prom", "for node_exporter's textfile collector"],
  ],
  async run({ prometheus }, session) {
    const answer = await session.call("Metrics", {});
    if (prometheus === true) console.log(prometheusText(answer).trimEnd());
    else session.show(answer, () => metricsText(answer));
  },
});

export const verify = command({
  args: {},
  examples: [["verify", "exit status 1 when a byte of the journal or a table was altered"]],
  notes: "Recomputes the journal's hash chain, replays it and compares the result with the tables.",
  async run(_args, session) {
    const report = await session.call("VerifyJournal", {});
    session.show(report, () => verifyText(report));
    return report.ok ? 0 : 1;
  },
});

export const backup = command({
  args: { file: { type: "positional", required: true, description: "a file that does not exist yet" } },
  examples: [["backup agentd-2026-01-31.db", "while the daemon works on"]],
  async run({ file }, session) {
    const path = file.startsWith("/") ? file : `${session.globals.at.cwd}/${file}`;
    const copy = await session.call("Backup", { path });
    session.show(copy, () => `wrote ${copy.path}: ${copy.bytes} bytes, the journal up to seq ${copy.seq}`);
  },
});

/** Tolerates the original's Health, which holds the first rows only. */
function healthText(answer: Partial<Result<"Health">>): string {
  const shown: Record<string, unknown> = { ...answer };
  if (answer.uptime_secs !== undefined) shown.uptime = spanText(answer.uptime_secs);
  const { limits = {}, uptime_secs: _replaced, ...facts } = shown as Partial<Result<"Health">>;
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

function verifyText(report: Result<"VerifyJournal">): string {
  const { rows, tasks, nodes, locks, last_seq: last, head_hash: head, first_difference: difference } = report;
  const held = `${rows} journal rows up to seq ${last}, ${tasks} tasks, ${nodes} nodes, ${locks} locks`;
  if (difference === null) return `${green("clean")}: ${held}\nhead ${head}`;
  return [
    `${red("altered")}: ${difference.message}`,
    `where     ${difference.where}`,
    `expected  ${JSON.stringify(difference.expected)}`,
    `found     ${JSON.stringify(difference.found)}`,
    `checked   ${held}`,
    "next: keep a copy (agentd backup FILE) and compare it with an earlier one",
  ].join("\n");
}
