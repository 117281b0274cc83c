import { command } from "../command.ts";
import { printLine } from "../output.ts";

export const checkPages = command({
  args: { file: { type: "positional", required: true, description: "a database file that nobody writes" } },
  examples: [["check-pages /backups/agentd.db", "what `agentd verify` starts to look at the pages of a file"]],
  notes: "Prints what SQLite's own check finds as a list in JSON.",
  async run({ file }, session) {
    printLine(JSON.stringify(await session.host.pageFaults(file)));
  },
});
