import { counted } from "../text.ts";
import type { Result } from "../../protocol/methods.ts";
import { command, flag, idempotencyKey, requiredOption } from "../command.ts";
import { readDuration } from "../values.ts";

export const prune = command({
  args: {
    "older-than": requiredOption("DURATION", "archive what ended at least this long ago, such as 30d"),
    "dry-run": flag("only say what would leave"),
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

function pruneText({ tasks, nodes, rows, archives, dry_run: dryRun }: Result<"PruneJournal">): string {
  const left = `${counted(tasks, "task")} with ${counted(nodes, "node")}, ${counted(rows, "journal row")}`;
  if (dryRun) return `would be archived: ${left}`;
  if (archives.length === 0) return "nothing is that old and has ended";
  return [`pruned: ${left}`, ...archives.map((path) => `archive ${path}`)].join("\n");
}
