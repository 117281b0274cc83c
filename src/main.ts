import { runCli } from "./cli/cli.ts";
import { Failure } from "./cli/exits.ts";
import type { Host } from "./cli/session.ts";

/** Compiled, the executable is agentd; from source it is Bun, which runs this file. */
const compiled = Bun.main.startsWith("/$bunfs/");

const host: Host = {
  program: compiled ? [process.execPath] : [process.execPath, Bun.main],
  // The daemon is loaded only here, so that a client command never pays for it.
  async serve(options) {
    const daemon = await import("./daemon/daemon.ts");
    try {
      const { runningImage } = await import("./client/image.ts");
      const checkPages = (path: string) => runningImage(host.program, "check-pages", path);
      await daemon.serve({ ...options, checkPages });
    } catch (cause) {
      if (cause instanceof daemon.StartRefused) throw new Failure("NOT_STARTED", cause.message);
      throw cause;
    }
  },
  pageFaults: async (file) => (await import("./store/page-faults.ts")).pageFaults(file),
};

// A daemon that reported its refusal to its starter has set a status of its own.
process.exitCode = (await runCli(Bun.argv.slice(2), host)) || process.exitCode;
