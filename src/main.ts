import { runCli } from "./cli/cli.ts";
import { Failure } from "./cli/exits.ts";
import type { Host } from "./cli/session.ts";

/** Compiled, the executable is agentd; from source it is Bun, which runs this file. */
const compiled = Bun.main.startsWith("/$bunfs/");

const host: Host = {
  // Most commands never ask for it.
  get program() {
    return compiled ? [process.execPath] : [process.execPath, Bun.main];
  },
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
  async verifyBackup(file, database, head) {
    const { DamagedBackup, NoBackup, verifyBackup } = await import("./daemon/backup-file.ts");
    const { readHead } = await import("./service/verification/verify.ts");
    try {
      return verifyBackup(file, database, readHead(head));
    } catch (cause) {
      if (cause instanceof NoBackup) throw new Failure("USAGE", cause.message);
      if (cause instanceof DamagedBackup) throw new Failure("FOUND_A_PROBLEM", cause.message);
      throw cause;
    }
  },
  async restore(at, file) {
    const { restore } = await import("./daemon/restore.ts");
    const { DamagedBackup, NoBackup } = await import("./daemon/backup-file.ts");
    const { StartRefused } = await import("./daemon/start-refused.ts");
    const { StorageFailure } = await import("./store/store.ts");
    try {
      return await restore(at, file);
    } catch (cause) {
      if (cause instanceof NoBackup) throw new Failure("USAGE", cause.message);
      if (cause instanceof DamagedBackup) throw new Failure("FOUND_A_PROBLEM", cause.message);
      if (cause instanceof StartRefused) throw new Failure(cause.held ? "NOT_NOW" : "NOT_STARTED", cause.message);
      if (cause instanceof StorageFailure) throw new Failure(cause.kind, cause.message);
      throw cause;
    }
  },
  pageFaults: async (file) => (await import("./store/files/page-faults.ts")).pageFaults(file),
};

// A daemon that reported its refusal to its starter has set a status of its own.
process.exitCode = (await runCli(Bun.argv.slice(2), host)) || process.exitCode;
