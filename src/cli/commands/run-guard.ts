import { command } from "../command.ts";
import { guard } from "../run/guard.ts";

export const runGuard = command({
  args: {},
  examples: [["run-guard", "what `agentd run` starts between itself and its command"]],
  notes: "Reads its order from standard input, and ends the command when that closes.",
  async run() {
    await guard();
    // Output nobody reads may still be under way, and is not to keep this process.
    process.exit(0);
  },
});
