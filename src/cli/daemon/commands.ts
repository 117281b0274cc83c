import { connectAt } from "../../client/find.ts";
import type { Client } from "../../client/client.ts";
import { TIMED_OUT, within } from "../../client/deadline.ts";
import { DaemonUnreachable } from "../../client/refusals.ts";
import type { Result } from "../../protocol/methods.ts";
import { version } from "../../protocol/version.ts";
import { command, flag } from "../command.ts";
import { Failure } from "../exits.ts";
import { askPatiently } from "../patience.ts";
import type { Session } from "../session.ts";
import { spanText } from "../text.ts";

export const serve = command({
  args: {
    background: flag("log to the file and report readiness as JSON, as `start` wants it"),
  },
  examples: [
    ["serve", "run until Ctrl-C, logging to the terminal"],
    ["serve --home /var/lib/agentd", "what a systemd or launchd unit runs"],
  ],
  async run({ background }, session) {
    const { paths } = await session.locate();
    if (background !== true) session.note(`agentd will listen on ${paths.socket}; its commands: agentd --help`);
    await session.host.serve({ at: session.globals.at, background: background === true });
  },
});

export const start = command({
  args: {},
  examples: [["start", "start it, also after `agentd stop`"]],
  notes: "Client commands start the daemon by themselves, unless it was stopped with `agentd stop`.",
  async run(_args, session) {
    const located = await session.locate();
    const { clearStopMarker } = await import("../../client/start.ts");
    clearStopMarker(located.paths);
    const running = await connectIfRunning(session);
    using client = running ?? (await session.start(located));
    const health = await healthOf(session, client);
    if (running !== undefined) await warnOfSettings(session, health);
    session.show(health, () => `${running === undefined ? "started" : "already running"}: ${healthLine(health)}`);
    warnOfVersions(session, health);
  },
});

export const stop = command({
  args: {},
  examples: [["stop", "let it answer what it has read, then end"]],
  notes: "No command starts it again until `agentd start`. The daemon is never killed; nothing acknowledged is lost.",
  async run(_args, session) {
    const stopped = await stopAndWait(session);
    session.show({ stopped: stopped.stopped, pid: stopped.pid }, () => stopped.text);
  },
});

export const restart = command({
  args: {},
  examples: [["restart", "after an upgrade, so that daemon and command line are of one version"]],
  notes: `A daemon that runs in the foreground belongs to a terminal or a supervisor: restart ends it, and waits for whoever
ran it to start it again.`,
  async run(_args, session) {
    const inForeground = await runsInForeground(session);
    const stopped = await stopAndWait(session, inForeground);
    session.note(stopped.text);
    using client = await (inForeground ? startedByOthers(session) : startAnother(session));
    const health = await healthOf(session, client);
    session.show(health, () => `started: ${healthLine(health)}`);
  },
});

async function runsInForeground(session: Session): Promise<boolean> {
  return askPatiently("Health", async () => {
    using client = await connectIfRunning(session);
    if (client === undefined) return false;
    const asked = client.call("Health", {});
    const health: Partial<Result<"Health">> | typeof TIMED_OUT = await within(asked, patienceMs.answer);
    // An older daemon does not tell.
    return health !== TIMED_OUT && health.background === false;
  });
}

async function startAnother(session: Session): Promise<Client> {
  return session.start(await session.locate());
}

/** Waits for the daemon that a supervisor starts: one started from here would run on outside of it. */
async function startedByOthers(session: Session): Promise<Client> {
  const deadline = Date.now() + patienceMs.supervisor;
  do {
    const client = await connectIfRunning(session);
    if (client !== undefined) return client;
    await Bun.sleep(patienceMs.poll);
  } while (Date.now() < deadline);
  const wait = `nothing has started it again within ${patienceMs.supervisor / 1000} s`;
  throw new Failure(
    "NOT_STARTED",
    `the daemon ran in the foreground, under a terminal or a supervisor, has ended, and ${wait}; start it there, or in the background with: agentd start`,
  );
}

const patienceMs = { answer: 2_000, supervisor: 5_000, poll: 20 };

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
    await warnOfSettings(session, health);
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

/**
 * Stops the daemon; a Failure unless it is gone afterwards, and nothing answers in its place. `mayReturn`: another one is
 * welcome.
 */
async function stopAndWait(
  session: Session,
  mayReturn = false,
): Promise<{ stopped: boolean; pid: number | null; text: string }> {
  const { paths } = await session.locate();
  const { stopDaemon } = await import("../../client/stop.ts");
  const result = await stopDaemon(paths);
  if (result.outcome === "not running") {
    return { stopped: false, pid: null, text: `no daemon runs for ${paths.home}` };
  }
  if (result.outcome === "unknown") {
    const why = "does not say which process it is, as the original agentd does not";
    throw new Failure("UNREACHABLE", `what listens at ${paths.socket} ${why}; stop it by hand`);
  }
  const { outcome, pid } = result;
  const named = pid === null ? "the daemon, which runs in another PID namespace," : `process ${pid}`;
  if (outcome === "draining") {
    const kill = pid === null ? "" : `. kill -9 ${pid} would lose nothing that was acknowledged`;
    throw new Failure(
      "NOT_NOW",
      `${named} was asked to stop and still runs; it may be writing its last answers${kill}`,
    );
  }
  if (outcome === "replaced" && !mayReturn) {
    const advice = "a supervisor starts it again; stop it there";
    throw new Failure("NOT_NOW", `${named} has ended, but another daemon answers at ${paths.socket}: ${advice}`);
  }
  return { stopped: true, pid, text: `stopped: ${named} has ended` };
}

/** What a daemon says of itself; where it ends before it does, what the next one says. */
async function healthOf(session: Session, client: Client): Promise<Result<"Health">> {
  return askPatiently("Health", async (again) => {
    if (!again) return client.call("Health", {});
    using next = await session.connect();
    return await next.call("Health", {});
  });
}

/** One line about a daemon, whichever it is: the original's Health tells neither version nor process. */
function healthLine(health: Partial<Result<"Health">>): string {
  if (health.version === undefined) return "the original agentd, which tells neither its version nor its process";
  const up = spanText(health.uptime_secs ?? 0);
  return `agentd ${health.version}, process ${health.pid}, up ${up}, at ${health.socket_path}`;
}

async function warnOfSettings(session: Session, health: Partial<Result<"Health">>): Promise<void> {
  const located = await session.locate();
  const { agree, settingsThatDiffer } = await import("./settings.ts");
  const differing = settingsThatDiffer(health, located);
  if (differing.length > 0) session.note(`${differing.join("; ")}; ${agree} ${located.paths.envFile}`);
}

function warnOfVersions(session: Session, health: Partial<Result<"Health">>): void {
  if (health.version === version) return;
  const theirs = health.version === undefined ? "the original agentd" : `agentd ${health.version}`;
  session.note(`the daemon is ${theirs} and this is ${version}; run: agentd restart`);
}
