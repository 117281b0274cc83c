import { type ArchiveReport, checkArchive } from "../../client/archive.ts";
import type { Result } from "../../protocol/methods.ts";
import { command, idempotencyKey } from "../command.ts";
import { prometheusText } from "../prometheus.ts";
import { Failure } from "../exits.ts";
import type { Session } from "../session.ts";
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
    if (prometheus === true) console.log(prometheusText(answer).trimEnd());
    else session.show(answer, () => metricsText(answer));
  },
});

export const verify = command({
  args: { file: { type: "positional", required: false, description: "an archive that `agentd prune` wrote" } },
  examples: [
    ["verify", "exit status 1 when a byte of the journal or a table was altered"],
    ["verify ~/.agentd/archive/journal-to-500-1767225600000.jsonl.gz", "the same for an archive; needs no daemon"],
  ],
  notes: "Recomputes the journal's hash chain, replays it and compares the result with the tables.",
  async run({ file }, session) {
    if (file !== undefined) {
      const path = absolute(file, session);
      if (!(await Bun.file(path).exists())) throw new Failure("USAGE", `there is no file ${path}; name an archive`);
      const found = await checkArchive(path);
      session.show(found, () => archiveText(found));
      return found.ok ? 0 : 1;
    }
    const report = await session.call("VerifyJournal", {});
    session.show(report, () => verifyText(report));
    return report.ok ? 0 : 1;
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
      description: "what ended at least so long ago, such as 30d",
    },
    "dry-run": { type: "boolean", description: "only say what would leave" },
    ...idempotencyKey,
  },
  examples: [
    ["prune --older-than 30d --dry-run", "what would leave"],
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

const absolute = (file: string, session: Session): string =>
  file.startsWith("/") ? file : `${session.globals.at.cwd}/${file}`;

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

function archiveText({ ok, file, rows, first_seq: first, last_seq: last, sha256, fault }: ArchiveReport): string {
  const held = `${rows} journal rows from seq ${first ?? 0} to ${last}`;
  if (ok) return `${green("clean")}: ${held}\nsha256 ${sha256}`;
  const next =
    "next: `agentd event list --type PRUNE_JOURNAL` tells the SHA-256 it was written with; look for another copy";
  return [`${red("altered")}: ${file}: ${fault}`, `checked   ${held}`, `sha256    ${sha256}`, next].join("\n");
}

function pruneText({ tasks, nodes, rows, archives, dry_run: dryRun }: Result<"PruneJournal">): string {
  const left = `${tasks} tasks with ${nodes} nodes, ${rows} journal rows`;
  if (dryRun) return `would leave: ${left}`;
  if (archives.length === 0) return "nothing is that old and has ended";
  return [`pruned: ${left}`, ...archives.map((path) => `archive ${path}`)].join("\n");
}

function verifyText(report: Result<"VerifyJournal">): string {
  const {
    rows,
    pruned_rows: pruned,
    tasks,
    nodes,
    locks,
    last_seq: last,
    head_hash: head,
    first_difference: difference,
  } = report;
  const held = `${rows} journal rows up to seq ${last}, ${tasks} tasks, ${nodes} nodes, ${locks} locks${pruned > 0 ? `; ${pruned} rows were pruned` : ""}`;
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
