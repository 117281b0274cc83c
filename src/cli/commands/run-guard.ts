import { command } from "../command.ts";
import { reportFailure } from "../report.ts";
import { guard } from "../run/guard.ts";

export const runGuard = command({
  args: {},
  examples: [["run-guard", "what `agentd run` starts between itself and its command"]],
  notes: "Reads its order from standard input, and ends the command when that closes.",
  async run() {
    const status = await guard().then(
      () => 0,
      (cause: unknown) => reportFailure(cause, false),
    );
    // Neither an order that is still open nor output that nobody reads is to keep this process.
    process.exit(status);
  },
});
