import { type ArchiveReport, checkArchive } from "../../client/archive.ts";
import type { Result } from "../../protocol/methods.ts";
import { argument, command, option, optionalArgument } from "../command.ts";
import { Failure } from "../exits.ts";
import type { Session } from "../session.ts";
import { green, red, counted } from "../text.ts";
import { printLine } from "../output.ts";

export const verify = command({
  args: {
    file: optionalArgument("a backup, or an archive that `agentd prune` wrote"),
    head: option("SEQ:HASH", "a head that an earlier verify printed and you kept elsewhere"),
  },
  examples: [
    ["verify", "exit status 1 when a page is damaged, the journal or a table was altered, or the memory is wrong"],
    ["verify --head 500:9f2d1c0b7e4a58636c1f0e9d8b7a695847362514f3e2d1c0bfae9d8c7b6a5948", "and nothing was cut off"],
    ["verify agentd-2026-01-31.db", "the same for a backup; needs no daemon"],
    ["verify ~/.agentd/archive/journal-to-500-1767225600000.jsonl.gz", "the hashes of an archive; needs no daemon"],
  ],
  notes: `Has SQLite look at every page, recomputes the journal's hash chain, replays it and compares every table with that,
and what the running daemon holds in memory with the tables.
Whether the journal's end was cut off, or an older copy put in its place, cannot be seen from inside: keep the
head it prints in another place, and give it with --head.`,
  async run({ file, head }, session) {
    if (head !== undefined && !/^\d{1,16}:[0-9a-f]{64}$/i.test(head)) {
      throw new Failure("USAGE", `--head ${head} is not SEQ:HASH as \`agentd verify\` prints it`);
    }
    if (file === undefined) {
      const report = await session.call("VerifyJournal", { head });
      session.show(report, () =>
        verifyText(report, "next: keep a copy (agentd backup FILE) and compare it with an earlier one"),
      );
      return report.ok ? 0 : 1;
    }
    const path = absolute(file, session);
    if ((await firstBytes(path)).startsWith("1f8b")) {
      if (head !== undefined) throw new Failure("USAGE", "--head is for a journal, and an archive is a part of one");
      const found = await checkArchive(path);
      session.show(found, () => archiveText(found));
      return found.ok ? 0 : 1;
    }
    const { paths } = await session.locate();
    const report = await session.host.verifyBackup(path, paths.database, head);
    session.show(report, () => verifyText(report, `next: look for another backup than ${path}`));
    return report.ok ? 0 : 1;
  },
});

export const absolute = (file: string, session: Session): string =>
  file.startsWith("/") ? file : `${session.globals.at.cwd}/${file}`;

/** The first bytes of a regular file, as digits. @throws {Failure} */
async function firstBytes(path: string): Promise<string> {
  const file = Bun.file(path);
  const stat = await file.stat().catch(() => null);
  if (stat === null) throw new Failure("USAGE", `there is no file ${path}; name a backup or an archive`);
  if (!stat.isFile()) throw new Failure("USAGE", `${path} is not a regular file; name a backup or an archive`);
  const bytes = Buffer.from(await file.slice(0, 16).arrayBuffer());
  if (bytes.toString("latin1").startsWith("SQLite format 3") || bytes.toString("hex").startsWith("1f8b")) {
    return bytes.toString("hex");
  }
  throw new Failure("USAGE", `${path} is neither a database nor an archive; name a backup or an archive`);
}

function archiveText({ ok, file, rows, first_seq: first, last_seq: last, sha256, fault }: ArchiveReport): string {
  const held = `${counted(rows, "journal row")} from seq ${first ?? 0} to ${last}`;
  if (ok) return `${green("clean")}: ${held}\nsha256 ${sha256}`;
  const next =
    "next: `agentd event list --type PRUNE_JOURNAL` tells the SHA-256 it was written with; look for another copy";
  return [`${red("altered")}: ${file}: ${fault}`, `checked   ${held}`, `sha256    ${sha256}`, next].join("\n");
}

/** Tolerates the report of an older daemon. */
function verifyText(report: Result<"VerifyJournal">, next: string): string {
  const { rows, pruned_rows: pruned, tasks, nodes, locks, last_seq: last, head_hash: head } = report;
  const { first_difference: difference, restores, kept_head: kept } = report;
  const { pages_checked: pages, memory_checked: memory } = report;
  const held = [
    `${counted(rows, "journal row")} up to seq ${last}, ${counted(tasks, "task")}, ${counted(nodes, "node")}, ${counted(locks, "lock")}`,
    ...(pruned > 0 ? [`${pruned} rows were pruned`] : []),
    ...((restores ?? 0) > 0 ? [`restored from an older copy: ${restores}`] : []),
  ].join("; ");
  if (difference === null) {
    const ofKept = kept === "pruned" ? ["the head that was kept is of a row that was pruned: its archive has it"] : [];
    const ofPages = pages ? [] : ["the pages of the file were not looked at, as the disk is full"];
    const ofMemory = memory ? ["what the daemon holds in memory is what the tables say"] : [];
    return [`${green("clean")}: ${held}`, `head ${last}:${head}`, ...ofMemory, ...ofKept, ...ofPages].join("\n");
  }
  const isInMemory = difference.where.endsWith(" in memory");
  return [
    `${red(isInMemory ? "wrong" : "altered")}: ${difference.message}`,
    `where     ${difference.where}`,
    `expected  ${JSON.stringify(difference.expected)}`,
    `found     ${JSON.stringify(difference.found)}`,
    `checked   ${held}`,
    isInMemory ? "next: agentd stop; a daemon that starts reads its memory from the database, which is sound" : next,
  ].join("\n");
}

export const checkPages = command({
  args: { file: argument("a database file that nobody writes") },
  examples: [["check-pages /backups/agentd.db", "what `agentd verify` starts to look at the pages of a file"]],
  notes: "Prints what SQLite's own check finds as a list in JSON.",
  async run({ file }, session) {
    printLine(JSON.stringify(await session.host.pageFaults(file)));
  },
});
