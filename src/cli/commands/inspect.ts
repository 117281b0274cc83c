import type { Result } from "../../protocol/methods.ts";
import { command, idempotencyKey } from "../command.ts";
import { prometheusText } from "../prometheus.ts";
import { printLine } from "../output.ts";
import { absolute } from "./verify.ts";
import { columns, countsText, green, red, spanText } from "../text.ts";
import { readDuration } from "../values.ts";

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
  args: { prometheus: { type: "boolean", description: "print in the text format Prometheus scrapes" } },
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

export const backup = command({
  args: { file: { type: "positional", required: true, description: "a file that does not exist yet" } },
  examples: [["backup agentd-2026-01-31.db", "while the daemon works on"]],
  async run({ file }, session) {
    const copy = await session.call("Backup", { path: absolute(file, session) });
    session.show(copy, () => `wrote ${copy.path}: ${copy.bytes} bytes, the journal up to seq ${copy.seq}`);
  },
});

export const prune = command({
  args: {
    "older-than": {
      type: "string",
      required: true,
      valueHint: "DURATION",
      description: "archive what ended at least this long ago, such as 30d",
    },
    "dry-run": { type: "boolean", description: "only say what would leave" },
    ...idempotencyKey,
  },
  examples: [
    ["prune --older-than 30d --dry-run", "what would be archived"],
    ["prune --older-than 30d", "finished tasks and ended locks of more than 30 days ago go to an archive"],
    ["event list --type PRUNE_JOURNAL", "what has left so far, and the archives with their SHA-256"],
  ],
  notes: `What leaves is written to a compressed archive below the home first, which \`agentd verify FILE\` checks.
Tasks that may still go on, what is held, and bundles that are not decided stay, however old they are.
With AGENTD_RETENTION_DAYS set, the daemon does this by itself when it starts, and once a day.`,
  async run({ "older-than": age, "dry-run": dryRun = false, "idempotency-key": key }, session) {
    const params = { older_than_secs: readDuration(age, "older-than"), dry_run: dryRun };
    const pruned = await session.call("PruneJournal", params, key);
    session.show(pruned, () => pruneText(pruned));
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

function pruneText({ tasks, nodes, rows, archives, dry_run: dryRun }: Result<"PruneJournal">): string {
  const left = `${tasks} tasks with ${nodes} nodes, ${rows} journal rows`;
  if (dryRun) return `would be archived: ${left}`;
  if (archives.length === 0) return "nothing is that old and has ended";
  return [`pruned: ${left}`, ...archives.map((path) => `archive ${path}`)].join("\n");
}
