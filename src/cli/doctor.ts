import { lstatSync, type Stats, statfsSync } from "node:fs";
import { TIMED_OUT, within } from "../client/deadline.ts";
import { connectAt, locate } from "../client/find.ts";
import { DaemonUnreachable, messageOf } from "../client/refusals.ts";
import { isStopped } from "../client/start.ts";
import { lockHolder } from "../client/stop.ts";
import type { Result } from "../protocol/methods.ts";
import type { Paths, Whereabouts } from "../protocol/paths.ts";
import { readSettings } from "../protocol/settings.ts";
import { version } from "../protocol/version.ts";

/** One thing looked at: what was found, and what to do where it is a problem. */
export interface Finding {
  what: string;
  ok: boolean;
  found: string;
  fix: string | null;
}

const answerMs = 2_000;
const freeBytesMin = 100 << 20;

const fine = (what: string, found: string): Finding => ({ what, ok: true, found, fix: null });
const problem = (what: string, found: string, fix: string): Finding => ({ what, ok: false, found, fix });

/** Looks at everything agentd needs, with or without a running daemon. */
export async function examine(at: Whereabouts): Promise<Finding[]> {
  let located: Awaited<ReturnType<typeof locate>>;
  try {
    located = await locate(at);
    readSettings(located.environment);
  } catch (cause) {
    return [problem("settings", messageOf(cause), "correct it and run doctor again")];
  }
  const { paths } = located;
  return [
    fine("settings", `read, env file ${paths.envFile}`),
    ...examineHome(paths),
    ...[paths.database, paths.log, paths.lock].flatMap(examineFile),
    ...examineDisk(paths),
    ...(await examineDaemon(paths)),
  ];
}

function examineHome({ home }: Paths): Finding[] {
  const found = lstatOrNull(home);
  if (found === null) return [fine("home", `${home} does not exist yet; the daemon creates it`)];
  if (found.isSymbolicLink())
    return [problem("home", `${home} is a symbolic link`, "name the real directory with --home")];
  if (!found.isDirectory()) return [problem("home", `${home} is no directory`, "move it away")];
  return [ownedBySelf("home", home, found) ?? closedToOthers("home", home, found, 0o022, "700")];
}

function examineFile(path: string): Finding[] {
  const found = lstatOrNull(path);
  if (found === null) return [];
  const what = path.slice(path.lastIndexOf("/") + 1);
  return [ownedBySelf(what, path, found) ?? closedToOthers(what, path, found, 0o077, "600")];
}

function ownedBySelf(what: string, path: string, { uid }: Stats): Finding | undefined {
  const own = process.getuid?.();
  if (own === undefined || uid === own) return undefined;
  return problem(what, `${path} belongs to user ${uid}, and you are ${own}`, `run: sudo chown ${own} ${path}`);
}

function closedToOthers(what: string, path: string, found: Stats, forbidden: number, wanted: string): Finding {
  const mode = (found.mode & 0o777).toString(8);
  if ((found.mode & forbidden) === 0) return fine(what, `${path}, mode ${mode}`);
  return problem(what, `${path} has mode ${mode}, so others can reach it`, `run: chmod ${wanted} ${path}`);
}

function examineDisk({ home, database }: Paths): Finding[] {
  const directory = [database.slice(0, database.lastIndexOf("/")), home, home.slice(0, home.lastIndexOf("/"))].find(
    (path) => path !== "" && lstatOrNull(path) !== null,
  );
  if (directory === undefined) return [];
  const { bavail, bsize } = statfsSync(directory);
  const free = `${Math.floor((bavail * bsize) / (1 << 20))} MiB free at ${directory}`;
  if (bavail * bsize >= freeBytesMin) return [fine("disk", free)];
  return [problem("disk", free, "make room: writes are refused when it is full")];
}

async function examineDaemon(paths: Paths): Promise<Finding[]> {
  try {
    using client = await connectAt(paths);
    const health = await within(client.call("Health", {}), answerMs);
    if (health === TIMED_OUT) {
      const pid = lockHolder(paths) ?? "unknown";
      return [
        problem("daemon", `process ${pid} listens and does not answer`, "see `agentd logs`, then: agentd restart"),
      ];
    }
    return examineHealth(health, paths);
  } catch (cause) {
    if (!(cause instanceof DaemonUnreachable)) return [problem("daemon", messageOf(cause), "see `agentd logs`")];
    const stopped = await isStopped(paths);
    const why = stopped ? "stopped with `agentd stop`; `agentd start` starts it" : "the next command starts it";
    return [fine("daemon", `none runs: ${why}`)];
  }
}

function examineHealth(health: Partial<Result<"Health">>, paths: Paths): Finding[] {
  if (health.version === undefined) {
    return [problem("daemon", "the original agentd answers", "stop it, then: agentd start, which adopts its database")];
  }
  const daemon = fine("daemon", `process ${health.pid} at ${health.socket_path}, lock held by ${lockHolder(paths)}`);
  const versions =
    health.version === version
      ? fine("versions", `both ${version}`)
      : problem("versions", `the daemon is ${health.version} and this is ${version}`, "run: agentd restart");
  const database =
    health.database === "ok"
      ? fine("database", `${health.database_path}, journal at seq ${health.last_seq}`)
      : problem("database", `the daemon says: ${health.database}`, "see `agentd logs` and `agentd verify`");
  return [daemon, versions, database];
}

function lstatOrNull(path: string): Stats | null {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null;
}
