import { counted } from "../text.ts";
import { argument, command } from "../command.ts";
import type { Restored } from "../../protocol/offline.ts";
import { absolute } from "./verify.ts";

export const backup = command({
  args: { file: argument("a file that does not exist yet") },
  examples: [["backup agentd-2026-01-31.db", "while the daemon works on"]],
  async run({ file }, session) {
    const copy = await session.call("Backup", { path: absolute(file, session) });
    session.show(copy, () => `wrote ${copy.path}: ${copy.bytes} bytes, the journal up to seq ${copy.seq}`);
  },
});

export const restore = command({
  args: { file: argument("a backup that `agentd backup` made") },
  examples: [
    ["restore agentd-2026-01-31.db", "after `agentd stop`"],
    ["restore agentd-2026-01-31.db --json", "the same for a script: from_seq, seq, replaced and others"],
  ],
  notes: `Verifies the backup, puts a copy of it in the database's place, and keeps what was there beside it. What happened after
the backup is gone; the journal goes on at a much higher seq, so that no fencing token is given twice.
Do not copy a backup there by hand: the next start notices it and does the same, but nothing is kept aside.`,
  async run({ file }, session) {
    const restored = await session.host.restore(session.globals.at, absolute(file, session));
    session.show(restored, () => restoredText(restored));
  },
});

function restoredText({ file, database, rows, from_seq: from, seq, lost_seq: lost, replaced }: Restored): string {
  const gone = lost !== null && lost > from ? [`rows ${from + 1} to ${lost} are gone with what it replaced`] : [];
  return [
    `restored ${file}: ${counted(rows, "journal row")} up to seq ${from}`,
    `the journal goes on at seq ${seq}`,
    ...gone,
    replaced === null ? `there was no database at ${database}` : `kept aside: ${replaced}`,
    "next: agentd start",
  ].join("\n");
}
