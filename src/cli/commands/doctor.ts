import { command } from "../command.ts";
import { examine } from "../doctor.ts";
import { columns, green, red } from "../text.ts";

export const doctor = command({
  args: {},
  examples: [["doctor", "check everything and say what to do; exit status 1 if something is wrong"]],
  notes: "Works without a daemon, and does not start one.",
  async run(_args, session) {
    const findings = await examine(session.globals.at);
    const ok = findings.every((finding) => finding.ok);
    session.show({ ok, findings }, () =>
      columns(
        findings.map((finding) => [
          finding.ok ? green("ok") : red("problem"),
          finding.what,
          finding.ok || finding.fix === null ? finding.found : `${finding.found}; ${finding.fix}`,
        ]),
      ).join("\n"),
    );
    return ok ? 0 : 1;
  },
});
