import { commit, version as ownVersion } from "../../protocol/version.ts";
import { command, optionalArgument } from "../command.ts";
import { printLine } from "../output.ts";

export const help = command({
  args: {
    command: optionalArgument("the command, or the first word of several"),
    second: optionalArgument("its second word"),
  },
  examples: [
    ["help", "list every command"],
    ["help task wait", "one command"],
  ],
  async run({ command: first, second }, session) {
    printLine(await session.helpPage([first, second].filter((word) => word !== undefined)));
  },
});

export const version = command({
  args: {},
  examples: [["version", "the version of this executable; `agentd status` shows the daemon's"]],
  async run(_args, session) {
    session.show({ version: ownVersion, commit }, () => `agentd ${ownVersion} (${commit})`);
  },
});
