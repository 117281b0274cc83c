import { limits } from "./limits.ts";
import { suggest } from "./nearest.ts";
import { settings } from "./settings.ts";
import { present } from "./present.ts";

/** Where one agentd lives. Daemon and client find these by the same rules, so they always meet. */
export interface Paths {
  /** Directory of everything else, 0700. */
  home: string;
  envFile: string;
  database: string;
  socket: string;
  /** Held locked for the daemon's life. */
  lock: string;
  log: string;
  /** Written by `agentd stop`: automatic start stays away while it exists. */
  stopMarker: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** A path or an environment file that cannot be used, in words for its user. */
export class BadPath extends Error {}

/** Where the process stands, and what `--home` and `--socket` override. */
export interface Whereabouts {
  /** Relative paths are taken from here. */
  cwd: string;
  home?: string | undefined;
  socket?: string | undefined;
}

/** Reads a file's text; null when it does not exist. */
export type ReadText = (path: string) => Promise<string | null>;

/**
 * The environment an agentd process goes by: the process's own, then what the env file adds.
 * @throws {BadPath} when AGENTD_ENV_FILE names a file that is missing, or a path cannot be used.
 */
export async function resolveEnvironment(
  processEnvironment: Environment,
  readText: ReadText,
  at: Whereabouts,
): Promise<{ environment: Environment; paths: Paths }> {
  const absolute = (name: string, path: string) => {
    if (path === "") throw new BadPath(`${name} is empty; give it a path or leave it out`);
    return path.startsWith("/") ? path : `${at.cwd}/${path}`;
  };
  const home = absolute("AGENTD_HOME", at.home ?? processEnvironment.AGENTD_HOME ?? defaultHome(processEnvironment));
  const envFile = absolute("AGENTD_ENV_FILE", processEnvironment.AGENTD_ENV_FILE ?? `${home}/.env`);
  const text = await readText(envFile);
  if (text === null && processEnvironment.AGENTD_ENV_FILE !== undefined) {
    throw new BadPath(`AGENTD_ENV_FILE names ${envFile}, which does not exist; create it or unset the variable`);
  }
  const given = parseEnvFile(text ?? "");
  refuseUnknown(given, envFile);
  const environment: Environment = { ...given, ...dropUnset(processEnvironment) };
  refuseUnknownValues(environment);
  const socket = absolute("AGENTD_SOCKET_PATH", at.socket ?? environment.AGENTD_SOCKET_PATH ?? `${home}/agentd.sock`);
  checkSocketPath(socket);
  const paths: Paths = {
    home,
    envFile,
    database:
      environment.AGENTD_DATABASE_URL === undefined
        ? `${home}/agent_state.db`
        : absolute("AGENTD_DATABASE_URL", databasePath(environment.AGENTD_DATABASE_URL)),
    socket,
    lock: `${home}/agentd.lock`,
    log: `${home}/agentd.log`,
    stopMarker: `${home}/agentd.stopped`,
  };
  refuseSharedFile(paths);
  return { environment, paths };
}

/** What an on-off variable can be; empty is the same as unset. */
const switches = { AGENTD_NO_START: ["1", "0"], AGENTD_GUARD: ["off", "on"] } as const;

/** `AGENTD_GUARD=OFF` and `AGENTD_NO_START=yes` would else mean nothing, without a word. */
function refuseUnknownValues(environment: Environment): void {
  for (const [name, values] of Object.entries(switches)) {
    const value = environment[name] ?? "";
    if (value === "" || (values as readonly string[]).includes(value)) continue;
    throw new BadPath(`${name} is ${JSON.stringify(value)}; expected ${values.join(" or ")}`);
  }
}

/** The files of a database, by what each adds to its name. */
export const databaseFiles = {
  "": "the database",
  "-wal": "the database's log",
  "-journal": "the database's journal",
  ".head": "the note of the database's last row",
  ".restored": "the backup that is to replace the database",
} as const;

/** One file for two purposes destroys what is in it: the stop marker, for one, would be written over the database. */
function refuseSharedFile({ database, ...paths }: Paths): void {
  const purposes: [purpose: string, path: string][] = [
    ...Object.entries(databaseFiles).map(([part, purpose]): [string, string] => [purpose, `${database}${part}`]),
    ...(Object.keys(filePurposes) as (keyof typeof filePurposes)[]).map((name): [string, string] => [
      filePurposes[name],
      paths[name],
    ]),
  ];
  const taken = new Map<string, string>();
  for (const [purpose, path] of purposes) {
    const normal = path.replaceAll(/\/(?:\.?\/)+/g, "/");
    const other = taken.get(normal);
    if (other !== undefined) {
      throw new BadPath(
        `${path} would be both ${other} and ${purpose}; give AGENTD_DATABASE_URL or AGENTD_SOCKET_PATH another path`,
      );
    }
    taken.set(normal, purpose);
  }
}

const filePurposes: Readonly<Record<keyof Omit<Paths, "home" | "database">, string>> = {
  envFile: "the environment file",
  socket: "the socket",
  lock: "the daemon's lock",
  log: "the daemon's log",
  stopMarker: "the marker of `agentd stop`",
};

/** What an environment file can set. Where it lies itself, and what is of one command, is set in the shell. */
const fileVariables = [
  "AGENTD_SOCKET_PATH",
  "AGENTD_DATABASE_URL",
  "AGENTD_NO_START",
  ...Object.values(settings).map(({ variable }) => variable),
];

function refuseUnknown(given: Record<string, string>, envFile: string): void {
  const unknown = Object.keys(given).find((name) => !fileVariables.includes(name));
  if (unknown === undefined) return;
  const hint = suggest(unknown, fileVariables);
  throw new BadPath(`${envFile} sets ${unknown}, which has no effect there${hint}; correct or remove that line`);
}

function defaultHome(environment: Environment): string {
  if (environment.HOME === undefined || environment.HOME === "") {
    throw new BadPath("neither AGENTD_HOME nor HOME is set; set one of them to say where agentd lives");
  }
  return `${environment.HOME}/.agentd`;
}

function checkSocketPath(socket: string): void {
  const bytes = new TextEncoder().encode(socket).length;
  if (bytes <= limits.socketPathBytesMax) return;
  throw new BadPath(
    `the socket path ${socket} has ${bytes} bytes and a Unix socket allows ${limits.socketPathBytesMax}; ` +
      "set AGENTD_SOCKET_PATH to a shorter one",
  );
}

/**
 * `sqlite:///abs/path`, `sqlite://relative/path` and `sqlite:path`, as the original took them. Of what may follow a `?`
 * only the modes that read and write are known; `%3F` stands for a `?` of the path.
 */
function databasePath(url: string): string {
  const [, written, query] = /^sqlite:(?:\/\/(?=[^?])|(?!\/\/))([^?]+)(?:\?(.*))?$/s.exec(url) ?? [];
  const path = decoded(written);
  if (path === undefined || path === ":memory:") {
    throw new BadPath(`AGENTD_DATABASE_URL is ${JSON.stringify(url)}; expected sqlite://PATH of a file`);
  }
  if (query !== undefined && !/^(?:mode=rwc?)?$/.test(query)) {
    throw new BadPath(
      `AGENTD_DATABASE_URL is ${JSON.stringify(url)}; after a ? only mode=rwc is known, and a ? of the path is written %3F`,
    );
  }
  return path;
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    // A `%` that begins no character is one.
    return text;
  }
}

/** The AGENTD_DATABASE_URL that names this path. */
export function databaseUrl(path: string): string {
  return `sqlite://${path.replaceAll(/[%?#]/g, encodeURIComponent)}`;
}

// A bare value may hold a `#`: only one after white space, a closing quote or the `=` itself starts a comment.
const envLine = /^\s*(?:export\s+)?(AGENTD_[A-Z0-9_]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|(.*?))\s*(?:(?<=[\s="'])#.*)?$/;

/** `KEY=value`, `export KEY="value"` and `#` comments; keys that are not agentd's are left out. */
export function parseEnvFile(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const match = envLine.exec(line);
    const [, name, double, single, bare] = match ?? [];
    if (name !== undefined) values[name] = present(double ?? single ?? bare, "the value of a line");
  }
  return values;
}

function dropUnset(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined));
}
