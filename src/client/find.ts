import { statSync } from "node:fs";
import { limits } from "../protocol/limits.ts";
import { type Environment, type Paths, resolveEnvironment, type Whereabouts } from "../protocol/home.ts";
import { Client } from "./client.ts";
import { DaemonUnreachable, messageOf, Untrusted } from "./refusals.ts";

/** Where this user's agentd lives, and the environment it goes by. */
export interface Located {
  environment: Environment;
  paths: Paths;
}

/**
 * Finds the paths by the rules the daemon uses.
 * @throws {BadPath} when they cannot be used, {Untrusted} when the environment file is open to others.
 */
export async function locate(at: Whereabouts, environment: Environment = process.env): Promise<Located> {
  const named = environment.AGENTD_ENV_FILE !== undefined;
  // Most often there is no such file. Its size, 0 then, costs a twentieth of what a stat that fails costs.
  const readText = async (path: string) => (named || Bun.file(path).size > 0 ? readPrivateText(path) : null);
  return resolveEnvironment(environment, readText, at);
}

/**
 * Connects to the daemon at `paths.socket`, once it is known to be this user's: a request may hold secrets, and a
 * stranger's socket would get them.
 * @throws {DaemonUnreachable} when there is none, {Untrusted} when what is there is not this user's socket.
 */
export async function connectAt(paths: Paths, environment: Environment = process.env): Promise<Client> {
  checkSocket(paths.socket, environment);
  return Client.connect(paths.socket);
}

/**
 * Whether there is a home; asked before anything is made or removed in it, as what root leaves in a user's home keeps that
 * user's daemon from starting.
 * @throws {Untrusted} for another user's
 */
export function checkOwnHome({ home }: Paths): boolean {
  const found = statOrMissing(home);
  const uid = ownUid();
  if (found === null || uid === undefined || found.uid === uid) return found !== null;
  throw new Untrusted(
    `the home directory ${home} belongs to user ${found.uid} and you are ${uid}: nothing was changed in it; set AGENTD_HOME, or become that user`,
  );
}

function checkSocket(path: string, environment: Environment): void {
  const found = statOrMissing(path);
  if (found === null) throw new DaemonUnreachable(path, new Error("the path does not exist"));
  if (!found.isSocket()) {
    throw new Untrusted(`${path} is not a socket; remove it, or name the right path with --socket`);
  }
  const uid = ownUid();
  if (uid === undefined || found.uid === uid) return;
  // In group mode, which both sides opt into, a fellow member of the socket's group may be the one who serves.
  const ourGroup = [process.getegid?.(), ...(process.getgroups?.() ?? [])].includes(found.gid);
  if (environment.AGENTD_SOCKET_MODE?.endsWith("660") === true && ourGroup && (found.mode & 0o777) === 0o660) return;
  throw new Untrusted(`${path} belongs to user ${found.uid} and you are ${uid}: nothing was sent to it`);
}

/** An environment file decides where requests go, so nobody else may read or write it. */
async function readPrivateText(path: string): Promise<string | null> {
  const found = statOrMissing(path);
  if (found === null) return null;
  const uid = ownUid();
  if (uid !== undefined && found.uid !== uid) {
    throw new Untrusted(
      `${path} belongs to user ${found.uid} and you are ${uid}; remove it, or take it over with chown`,
    );
  }
  if ((found.mode & 0o077) !== 0) {
    const mode = (found.mode & 0o777).toString(8).padStart(4, "0");
    throw new Untrusted(`${path} has mode ${mode}, so others can reach it; run: chmod 600 ${path}`);
  }
  const { readFileText } = await import("../native/read-file.ts");
  try {
    return readFileText(path, limits.envFileBytesMax);
  } catch (cause) {
    throw new Untrusted(`the environment file ${path} cannot be read: ${messageOf(cause)}`);
  }
}

// It follows links, as connecting and reading do, so what is judged is what is used.
function statOrMissing(path: string) {
  try {
    return statSync(path);
  } catch (cause) {
    const code = (cause as { code?: string }).code;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new Untrusted(`${path} cannot be examined: ${messageOf(cause)}`);
  }
}

function ownUid(): number | undefined {
  return process.getuid?.();
}
