import { connectAt } from "../../client/find.ts";
import type { Client } from "../../client/client.ts";
import { DaemonUnreachable } from "../../client/refusals.ts";
import type { Result } from "../../protocol/methods.ts";
import { version } from "../../protocol/version.ts";
import { command } from "../command.ts";
import { Failure } from "../exits.ts";
import { askPatiently } from "../patience.ts";
import type { Session } from "../session.ts";
import { spanText } from "../text.ts";

export const serve = command({
  args: {
    background: { type: "boolean", description: "log to the file and report readiness as JSON, as `start` wants it" },
  },
  examples: [
    ["serve", "run until Ctrl-C, logging to the terminal"],
    ["serve --home /var/lib/agentd", "what a systemd or launchd unit runs"],
  ],
  async run({ background }, session) {
    const { clearStopMarker } = await import("../../client/start.ts");
    const { paths } = await session.locate();
    clearStopMarker(paths);
    if (background !== true) session.note(`agentd is to listen at ${paths.socket}; its commands: agentd --help`);
    await session.host.serve({ at: session.globals.at, background: background === true });
  },
});

export const start = command({
  args: {},
  examples: [["start", "start it, also after `agentd stop`"]],
  notes: "Client commands start the daemon by themselves, unless it was stopped with `agentd stop`.",
  async run(_args, session) {
    const located = await session.locate();
    const { clearStopMarker, startDaemon } = await import("../../client/start.ts");
    clearStopMarker(located.paths);
    const running = await connectIfRunning(session);
    using client = running ?? (await startDaemon(session.host.program, located));
    const health = await client.call("Health", {});
    session.show(health, () => `${running === undefined ? "started" : "already running"}: ${healthLine(health)}`);
    warnOfVersions(session, health);
  },
});

export const stop = command({
  args: {},
  examples: [["stop", "let it answer what it has read, then end"]],
  notes: "Automatic starts stay away until `agentd start`. The daemon is never killed; nothing acknowledged is lost.",
  async run(_args, session) {
    const stopped = await stopAndWait(session);
    session.show({ stopped: stopped.stopped, pid: stopped.pid }, () => stopped.text);
  },
});

export const restart = command({
  args: {},
  examples: [["restart", "after an upgrade, so that daemon and command line are of one version"]],
  async run(_args, session) {
    const { paths } = await session.locate();
    const stopped = await stopAndWait(session);
    session.note(stopped.text);
    const { clearStopMarker, startDaemon } = await import("../../client/start.ts");
    clearStopMarker(paths);
    using client = await startDaemon(session.host.program, await session.locate());
    const health = await client.call("Health", {});
    session.show(health, () => `started: ${healthLine(health)}`);
  },
});

export const status = command({
  args: {},
  examples: [
    ["status", "which daemon runs, if any"],
    ["status --json --no-start", "the same for a script; exit status 4 when none runs"],
  ],
  notes: "Never starts a daemon.",
  async run(_args, session) {
    const { paths } = await session.locate();
    const health = await askPatiently("Health", async () => {
      using client = await connectIfRunning(session);
      return await client?.call("Health", {});
    });
    if (health === undefined) {
      throw new Failure("UNREACHABLE", `no daemon runs for ${paths.home}; start one with: agentd start`);
    }
    session.show(health, () => `running: ${healthLine(health)}`);
    warnOfVersions(session, health);
  },
});

async function connectIfRunning(session: Session): Promise<Client | undefined> {
  try {
    return await connectAt((await session.locate()).paths);
  } catch (cause) {
    if (cause instanceof DaemonUnreachable) return undefined;
    throw cause;
  }
}

/** Stops the daemon; a Failure unless it is gone afterwards. */
async function stopAndWait(session: Session): Promise<{ stopped: boolean; pid: number | null; text: string }> {
  const { paths } = await session.locate();
  const { stopDaemon } = await import("../../client/stop.ts");
  const result = await stopDaemon(paths);
  if (result.outcome === "stopped") {
    return { stopped: true, pid: result.pid, text: `stopped: process ${result.pid} has ended` };
  }
  if (result.outcome === "not running") {
    return { stopped: false, pid: null, text: `no daemon runs for ${paths.home}` };
  }
  if (result.outcome === "draining") {
    const { pid } = result;
    const advice = `it may be writing its last answers. kill -9 ${pid} would lose nothing that was acknowledged`;
    throw new Failure("NOT_NOW", `process ${pid} was asked to stop and still runs; ${advice}`);
  }
  const why = "does not say which process it is, as the original agentd does not";
  throw new Failure("UNREACHABLE", `what listens at ${paths.socket} ${why}; stop it by hand`);
}

/** One line about a daemon, whichever it is: the original's Health tells neither version nor process. */
function healthLine(health: Partial<Result<"Health">>): string {
  if (health.version === undefined) return "the original agentd, which tells neither its version nor its process";
  const up = spanText(health.uptime_secs ?? 0);
  return `agentd ${health.version}, process ${health.pid}, up ${up}, at ${health.socket_path}`;
}

function warnOfVersions(session: Session, health: Partial<Result<"Health">>): void {
  if (health.version === version) return;
  const theirs = health.version === undefined ? "the original agentd" : `agentd ${health.version}`;
  session.note(`the daemon is ${theirs} and this is ${version}; run: agentd restart`);
}
