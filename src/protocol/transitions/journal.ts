import * as v from "valibot";
import { defineTransition } from "../transition.ts";
import { count, seq, text, unixMs } from "../types.ts";
import { counted, moment } from "./values.ts";

export const PRUNE_JOURNAL = defineTransition({
  summary: "Old rows before this one have left for an archive.",
  subject: "journal",
  payload: v.object({
    older_than_ms: unixMs,
    cut_seq: seq,
    rows: count,
    tasks: count,
    archive: text,
    archive_sha256: text,
  }),
  unit: "lasting",
  sentence: ({ rows, tasks, older_than_ms: ms, archive }) =>
    `${counted(rows, "row")} and ${counted(tasks, "task")} from before ${moment(ms)} moved to ${archive}`,
  example: {
    older_than_ms: 1_767_225_600_000,
    cut_seq: 500,
    rows: 480,
    tasks: 12,
    archive: "journal-to-500-1767225600000.jsonl.gz",
    archive_sha256: "9f2d1c0b7e4a58636c1f0e9d8b7a695847362514f3e2d1c0bfae9d8c7b6a5948",
  },
});

export const RESTORE_DATABASE = defineTransition({
  summary:
    "From here on an older copy of the database goes on, in a new epoch: seqs from `from_seq` to this one have been given and are lost.",
  subject: "journal",
  payload: v.object({
    from_seq: seq,
    from_hash: text,
    lost_seq: v.nullable(seq),
    lost_hash: v.nullable(text),
    restored_by: v.picklist(["agentd restore", "found at the start"]),
  }),
  unit: "lasting",
  sentence: ({ from_seq: from, lost_seq: lost, restored_by: by }) =>
    `goes on from a copy of seq ${from} (${by})${lost === null ? "" : `; lost up to seq ${lost}`}`,
  example: {
    from_seq: 480,
    from_hash: "9f2d1c0b7e4a58636c1f0e9d8b7a695847362514f3e2d1c0bfae9d8c7b6a5948",
    lost_seq: 731,
    lost_hash: "1f0e9d8c7b6a59489f2d1c0b7e4a58636c1f0e9d8b7a695847362514f3e2d1c0",
    restored_by: "agentd restore",
  },
});
