import { chmodSync, lstatSync, mkdirSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { databaseFiles, type Paths } from "../protocol/home.ts";
import { strangeKind } from "../native/read-file.ts";
import { systemCode } from "../native/system-error.ts";
import { attempt, StartRefused } from "./start-refused.ts";

/*
 * Who may touch what. Everything agentd keeps belongs to one user; whoever could swap a file under the daemon, or a
 * socket under a client, would be in. So every place is looked at, and any doubt refuses.
 */

/** Makes the home directory if it is missing, and refuses one that others could change. */
export function prepareHome(paths: Paths): void {
  if (lstat(paths.home) === null) {
    attempt(`the home directory ${paths.home} cannot be made`, elsewhere, () =>
      mkdirSync(paths.home, { recursive: true, mode: 0o700 }),
    );
  }
  checkDirectory(paths.home, "home directory", { maySticky: false });
  checkDirectory(dirname(paths.socket), "socket's directory", { maySticky: true });
  checkDirectory(dirname(paths.database), "database's directory", { maySticky: true });
  const database = Object.keys(databaseFiles).map((part) => `${paths.database}${part}`);
  for (const path of [...database, paths.lock, paths.log]) checkPrivateFile(path);
}

/** @throws {StartRefused} for a symlink, a foreign owner, or a directory others may write to */
function checkDirectory(path: string, what: string, { maySticky }: { maySticky: boolean }): void {
  const stat = lstat(path);
  if (stat === null) throw new StartRefused(`the ${what} ${path} does not exist; create it with mode 0700`);
  if (stat.isSymbolicLink())
    throw new StartRefused(`the ${what} ${path} is a symbolic link; name the directory itself`);
  if (!stat.isDirectory()) throw new StartRefused(`the ${what} ${path} is not a directory; set ${variables}`);
  // In a sticky directory of root's, such as /tmp, others can add names but not move or remove ours. The home holds
  // names that are opened without another look, so there they may not even do that.
  if (maySticky && stat.uid === 0 && (stat.mode & 0o1000) !== 0) return;
  checkOwner(stat, path, what);
  if ((stat.mode & 0o022) === 0) return;
  throw new StartRefused(
    `the ${what} ${path} has mode ${octal(stat)}: its group or others may write to it; run: chmod go-w ${path}`,
  );
}

/** A file of agentd's own: a regular one of this user's; what others could read of it is closed to them. */
function checkPrivateFile(path: string): void {
  const stat = lstat(path);
  if (stat === null) return;
  const kind = strangeKind(stat);
  if (kind !== null) {
    throw new StartRefused(`${path} is not a regular file but ${kind}; move it away, or set ${variables}`);
  }
  checkOwner(stat, path, "file");
  if ((stat.mode & 0o077) === 0) return;
  attempt(`${path} cannot be closed to others`, `run: chmod 600 ${path}`, () => chmodSync(path, 0o600));
}

/**
 * An environment file decides where everything lies. It may be a link, but neither that nor the file it leads to may
 * be another user's.
 * @throws {StartRefused} for one that others may read or that belongs to somebody else
 */
export function checkEnvFile(path: string): void {
  const link = lstat(path);
  if (link === null) return;
  const file = attempt(`the environment file ${path} cannot be read`, "remove or correct the link", () =>
    statSync(path, { throwIfNoEntry: false }),
  );
  if (file === undefined) return;
  for (const stat of [link, file]) checkOwner(stat, path, "environment file");
  if ((file.mode & 0o077) === 0) return;
  throw new StartRefused(`the environment file ${path} has mode ${octal(file)}; run: chmod 600 ${path}`);
}

/** What stands at a socket's path: nothing, a socket of this user's, or something to keep away from. */
export function socketAt(path: string): "none" | "ours" {
  const stat = lstat(path);
  if (stat === null) return "none";
  if (!stat.isSocket()) throw new StartRefused(`${path} exists and is not a socket; move it away`);
  checkOwner(stat, path, "socket");
  return "ours";
}

function checkOwner(stat: Stats, path: string, what: string): void {
  const uid = process.geteuid?.();
  if (stat.uid === uid) return;
  throw new StartRefused(`the ${what} ${path} belongs to user ${stat.uid}, and agentd runs as user ${uid}`);
}

const variables = "AGENTD_HOME, AGENTD_SOCKET_PATH or AGENTD_DATABASE_URL to another place";
const elsewhere = "set AGENTD_HOME to a directory that you may write to";

function lstat(path: string): Stats | null {
  return attempt(`${path} cannot be looked at`, elsewhere, () => {
    try {
      return lstatSync(path, { throwIfNoEntry: false }) ?? null;
    } catch (error) {
      // Below a file there is nothing.
      if (systemCode(error) === "ENOTDIR") return null;
      throw error;
    }
  });
}

const octal = (stat: Stats): string => `0${(stat.mode & 0o777).toString(8)}`;
