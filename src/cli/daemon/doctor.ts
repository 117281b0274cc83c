import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readSync,
  statfsSync,
  type Stats,
  unlinkSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TIMED_OUT, within } from "../../client/deadline.ts";
import { connectAt, locate, type Located } from "../../client/find.ts";
import { DaemonUnreachable, messageOf } from "../../client/refusals.ts";
import { isStopped } from "../../client/start.ts";
import { lockHolder } from "../../client/stop.ts";
import { openRegular, strangeKind, Unreadable } from "../../native/read-file.ts";
import { systemCode, systemReason } from "../../native/system-error.ts";
import type { Result } from "../../protocol/methods.ts";
import type { Paths, Whereabouts } from "../../protocol/home.ts";
import { readSettings } from "../../protocol/settings.ts";
import { version } from "../../protocol/version.ts";
import { agree, settingsThatDiffer } from "./settings.ts";
import { command } from "../command.ts";
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
async function examine(at: Whereabouts): Promise<Finding[]> {
  let located: Located;
  try {
    located = await locate(at);
    readSettings(located.environment);
  } catch (cause) {
    return [problem("settings", messageOf(cause), "correct it and run doctor again")];
  }
  const { paths } = located;
  return [
    fine("settings", existsSync(paths.envFile) ? `read, with ${paths.envFile}` : `read; there is no ${paths.envFile}`),
    ...examineHome(paths),
    ...[paths.database, paths.log, paths.lock, paths.stopMarker].flatMap(examineFile),
    ...examineContent(paths),
    ...examineSocket(paths),
    ...examineDisk(paths),
    tryToWrite("temporary directory", tmpdir(), "set TMPDIR to a directory that you may write to"),
    ...(await examineDaemon(located)),
  ];
}

/** What is found where the system does not even let one look. */
function unseen(what: string, cause: unknown): Finding {
  return problem(what, messageOf(cause), "make it readable for you, or set AGENTD_HOME to another place");
}

function examineHome({ home }: Paths): Finding[] {
  try {
    const found = lstatOrNull(home);
    if (found === null) return [examineMissing(home)];
    if (found.isSymbolicLink())
      return [problem("home", `${home} is a symbolic link`, "name the real directory with --home")];
    if (!found.isDirectory()) {
      return [
        problem(
          "home",
          `${home} is ${strangeKind(found) ?? "a file"}, no directory`,
          "move it away, or set AGENTD_HOME",
        ),
      ];
    }
    const wrong = ownedBySelf("home", home, found) ?? closedToOthers("home", home, found, 0o022, "700");
    // Nothing is written to a directory that is not one's own.
    return wrong.ok ? [wrong, tryToWrite("home", home, "make it writable for you, or set AGENTD_HOME")] : [wrong];
  } catch (cause) {
    return [unseen("home", cause)];
  }
}

/** The daemon makes the home; whether it may is asked of the directory in which that begins. */
function examineMissing(home: string): Finding {
  let above = dirname(home);
  while (lstatOrNull(above) === null && above !== dirname(above)) above = dirname(above);
  const writable = tryToWrite("home", above, "set AGENTD_HOME to a directory that you may make");
  return writable.ok ? fine("home", `${home} does not exist yet; the daemon creates it`) : writable;
}

/** Writes a file and removes it: permissions alone do not tell of a read-only file system, a full disk or a quota. */
function tryToWrite(what: string, directory: string, fix: string): Finding {
  const path = join(directory, `.agentd-doctor-${crypto.randomUUID()}`);
  try {
    const fd = openSync(path, "wx", 0o600);
    try {
      writeSync(fd, "agentd doctor");
    } finally {
      closeSync(fd);
      unlinkSync(path);
    }
    return fine(what, `${directory} can be written`);
  } catch (cause) {
    return problem(what, `${directory} cannot be written: ${systemReason(cause) ?? messageOf(cause)}`, fix);
  }
}

function examineFile(path: string): Finding[] {
  const what = path.slice(path.lastIndexOf("/") + 1);
  try {
    const found = lstatOrNull(path);
    if (found === null) return [];
    const kind = strangeKind(found);
    if (kind !== null) {
      const fix = "move it away, or set AGENTD_HOME or AGENTD_DATABASE_URL to another place";
      return [problem(what, `${path} is ${kind}, not a regular file`, fix)];
    }
    const wrong = ownedBySelf(what, path, found) ?? closedToOthers(what, path, found, 0o077, "600");
    if (wrong.ok) accessSync(path, constants.R_OK | constants.W_OK);
    return [wrong];
  } catch (cause) {
    const found = `${path} cannot be read and written: ${systemReason(cause) ?? messageOf(cause)}`;
    return [problem(what, found, "make it readable and writable for you, or set AGENTD_HOME to another place")];
  }
}

const sqliteHeader = "SQLite format 3\0";

function examineContent({ database }: Paths): Finding[] {
  try {
    const fd = openRegular(database);
    try {
      const header = Buffer.alloc(sqliteHeader.length);
      const isDatabase = readSync(fd, header) === 0 || header.toString("latin1") === sqliteHeader;
      const fix = "move it away, or set AGENTD_DATABASE_URL to another place";
      return isDatabase ? [] : [problem("database", `${database} is no database of SQLite's`, fix)];
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if (cause instanceof Unreadable) return [];
    throw cause;
  }
}

/** A socket outside of the home; what stands in its place is found when the daemon is asked. */
function examineSocket({ home, socket }: Paths): Finding[] {
  if (dirname(socket) === home || existsSync(socket)) return [];
  return [tryToWrite("socket", dirname(socket), "set AGENTD_SOCKET_PATH to a path where you may make one")];
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
  const directory = [dirname(database), home, dirname(home)].find((path) => existsSync(path));
  if (directory === undefined) return [];
  const { bavail, bsize } = statfsSync(directory);
  const free = `${Math.floor((bavail * bsize) / (1 << 20))} MiB free at ${directory}`;
  if (bavail * bsize >= freeBytesMin) return [fine("disk", free)];
  return [problem("disk", free, "make room: writes are refused when it is full")];
}

async function examineDaemon(located: Located): Promise<Finding[]> {
  const { paths } = located;
  try {
    using client = await connectAt(paths);
    const health = await within(client.call("Health", {}), answerMs);
    if (health === TIMED_OUT) {
      const pid = lockHolder(paths) ?? "unknown";
      return [
        problem("daemon", `process ${pid} listens and does not answer`, "see `agentd logs`, then: agentd restart"),
      ];
    }
    return examineHealth(health, located);
  } catch (cause) {
    if (!(cause instanceof DaemonUnreachable)) return [problem("daemon", messageOf(cause), "see `agentd logs`")];
    const stopped = await isStopped(paths);
    const why = stopped ? "stopped with `agentd stop`; `agentd start` starts it" : "the next command starts it";
    return [fine("daemon", `none runs: ${why}`)];
  }
}

function examineHealth(health: Partial<Result<"Health">>, located: Located): Finding[] {
  if (health.version === undefined) {
    return [problem("daemon", "the original agentd answers", "stop it, then: agentd start, which adopts its database")];
  }
  const daemon = fine(
    "daemon",
    `process ${health.pid} at ${health.socket_path}, lock held by ${lockHolder(located.paths)}`,
  );
  const versions =
    health.version === version
      ? fine("versions", `both ${version}`)
      : problem("versions", `the daemon is ${health.version} and this is ${version}`, "run: agentd restart");
  const database =
    health.database === "ok"
      ? fine("database", `${health.database_path}, journal at seq ${health.last_seq}`)
      : problem("database", `the daemon says: ${health.database}`, "see `agentd logs` and `agentd verify`");
  return [daemon, versions, database, examineGiven(health, located)];
}

function examineGiven(health: Partial<Result<"Health">>, located: Located): Finding {
  const differing = settingsThatDiffer(health, located);
  if (differing.length === 0) return fine("its settings", "the same as this shell's");
  return problem("its settings", differing.join("; "), `${agree} ${located.paths.envFile}`);
}

function lstatOrNull(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(cause))) return null;
    throw cause;
  }
}
