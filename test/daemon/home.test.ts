import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { refusedStart, type Scratch, scratch, serve } from "./daemon-process.ts";

setDefaultTimeout(30_000);

const stranger = 65_534;
const isRoot = process.geteuid?.() === 0;
if (!isRoot) process.stderr.write("SKIPPED: files that belong to another user, because only root can make them\n");

/** A home with a `.env` of the given mode. */
function writeEnvFile(home: string, text: string, mode = 0o600): string {
  mkdirSync(home, { mode: 0o700, recursive: true });
  const path = join(home, ".env");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const makeHome = ({ home }: Scratch) => mkdirSync(home, { mode: 0o700 });

interface Trap {
  what: string;
  needsRoot?: boolean;
  /** Prepares the place; gives what the refusal must say. */
  set(place: Scratch): string;
  environment?(place: Scratch): Record<string, string>;
}

const traps: Trap[] = [
  {
    what: "a home that is a symbolic link",
    set(place) {
      mkdirSync(join(place.path, "elsewhere"), { mode: 0o700 });
      symlinkSync(join(place.path, "elsewhere"), place.home);
      return `the home directory ${place.home} is a symbolic link; name the directory itself`;
    },
  },
  {
    what: "a home of another user",
    needsRoot: true,
    set(place) {
      makeHome(place);
      chownSync(place.home, stranger, stranger);
      return `the home directory ${place.home} belongs to user ${stranger}, and agentd runs as user 0`;
    },
  },
  {
    what: "a home its group may write to",
    set(place) {
      makeHome(place);
      chmodSync(place.home, 0o770);
      return `the home directory ${place.home} has mode 0770: its group or others may write to it; run: chmod go-w ${place.home}`;
    },
  },
  {
    what: "a home anyone may add names to, sticky or not",
    set(place) {
      makeHome(place);
      chmodSync(place.home, 0o1777);
      return `the home directory ${place.home} has mode 0777`;
    },
  },
  {
    what: "a socket's directory its group may write to",
    set(place) {
      mkdirSync(join(place.path, "run"));
      chmodSync(join(place.path, "run"), 0o775);
      return `the socket's directory ${place.path}/run has mode 0775`;
    },
    environment: (place) => ({ AGENTD_SOCKET_PATH: join(place.path, "run", "agentd.sock") }),
  },
  {
    what: "a database's directory that does not exist",
    set: (place) => `the database's directory ${place.path}/missing does not exist; create it with mode 0700`,
    environment: (place) => ({ AGENTD_DATABASE_URL: `sqlite://${place.path}/missing/state.db` }),
  },
  {
    what: "a regular file where the socket should be",
    set(place) {
      makeHome(place);
      writeFileSync(join(place.home, "agentd.sock"), "precious");
      return `${place.home}/agentd.sock exists and is not a socket; move it away`;
    },
  },
  {
    what: "a symbolic link where the socket should be",
    set(place) {
      makeHome(place);
      writeFileSync(join(place.path, "precious"), "precious");
      symlinkSync(join(place.path, "precious"), join(place.home, "agentd.sock"));
      return `${place.home}/agentd.sock exists and is not a socket; move it away`;
    },
  },
  {
    what: "another user's socket where ours should be",
    needsRoot: true,
    set(place) {
      makeHome(place);
      const socket = join(place.home, "agentd.sock");
      // A socket nobody listens on, as a killed program leaves it.
      Bun.spawnSync(["python3", "-c", `import socket; socket.socket(socket.AF_UNIX).bind(${JSON.stringify(socket)})`]);
      chownSync(socket, stranger, stranger);
      return `the socket ${socket} belongs to user ${stranger}, and agentd runs as user 0`;
    },
  },
  ...["", "-wal", "-journal", ".head", ".restored"]
    .map((part) => `agent_state.db${part}`)
    .concat("agentd.lock", "agentd.log")
    .map((name) => ({
      what: `a symbolic link where ${name} should be`,
      set(place: Scratch) {
        makeHome(place);
        writeFileSync(join(place.path, "precious"), "precious");
        symlinkSync(join(place.path, "precious"), join(place.home, name));
        return `${place.home}/${name} is not a regular file but a symbolic link; move it away`;
      },
    })),
  {
    what: "another user's database",
    needsRoot: true,
    set(place) {
      makeHome(place);
      const database = join(place.home, "agent_state.db");
      writeFileSync(database, "");
      chownSync(database, stranger, stranger);
      return `the file ${database} belongs to user ${stranger}, and agentd runs as user 0`;
    },
  },
  {
    what: "an environment file others may read",
    set(place) {
      const path = writeEnvFile(place.home, "", 0o640);
      return `the environment file ${path} has mode 0640; run: chmod 600 ${path}`;
    },
  },
  {
    what: "an environment file that is a link to one others may read",
    set(place) {
      const path = writeEnvFile(join(place.path, "dotfiles"), "", 0o644);
      makeHome(place);
      symlinkSync(path, join(place.home, ".env"));
      return `the environment file ${place.home}/.env has mode 0644; run: chmod 600 ${place.home}/.env`;
    },
  },
  {
    what: "another user's environment file",
    needsRoot: true,
    set(place) {
      const path = writeEnvFile(place.home, "");
      chownSync(path, stranger, stranger);
      return `the environment file ${path} belongs to user ${stranger}, and agentd runs as user 0`;
    },
  },
];

describe("a daemon does not start with", () => {
  for (const trap of traps) {
    test.skipIf(trap.needsRoot === true && !isRoot)(trap.what, async () => {
      using place = scratch();
      const reason = trap.set(place);
      const { exit, error } = await refusedStart(place.home, { environment: trap.environment?.(place) ?? {} });
      expect(error).toStartWith(reason);
      expect(exit).toBe(4);
      const precious = [join(place.path, "precious"), join(place.home, "agentd.sock")].filter((path) =>
        existsSync(path),
      );
      for (const path of precious) if (statSync(path).isFile()) expect(readFileSync(path, "utf8")).toBe("precious");
    });
  }
});

test.skipIf(!isRoot)("a socket may lie in a sticky directory of root's, such as /tmp", async () => {
  using place = scratch();
  const shared = join(place.path, "tmp");
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  await using daemon = await serve(place.home, { environment: { AGENTD_SOCKET_PATH: join(shared, "agentd.sock") } });
  expect((await (await daemon.lines()).ask("Health")).error).toBeUndefined();
});

test("a database others could read is closed to them", async () => {
  using place = scratch();
  await (await serve(place.home)).end("SIGTERM");
  const files = ["agent_state.db", "agentd.lock", "agentd.log"].map((name) => join(place.home, name));
  for (const file of files) chmodSync(file, 0o666);
  await using daemon = await serve(place.home);
  expect(files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600, 0o600]);
  expect(daemon.pid).toBeNumber();
});

describe("the environment file", () => {
  const timeoutOf = async (home: string, environment: Record<string, string> = {}) => {
    await using daemon = await serve(home, { environment });
    return (await (await daemon.client()).call("Health", {})).running_timeout_secs;
  };

  test("of the home is read, and the process's own environment wins", async () => {
    using place = scratch();
    writeEnvFile(place.home, 'export AGENTD_NODE_TIMEOUT_SECS="41" # a comment\n');
    expect(await timeoutOf(place.home)).toBe(41);
    expect(await timeoutOf(place.home, { AGENTD_NODE_TIMEOUT_SECS: "42" })).toBe(42);
  });

  test("that is named must exist", async () => {
    using place = scratch();
    const AGENTD_ENV_FILE = join(place.path, "missing.env");
    const { exit, error } = await refusedStart(place.home, { environment: { AGENTD_ENV_FILE } });
    expect(error).toContain(`AGENTD_ENV_FILE names ${AGENTD_ENV_FILE}, which does not exist; create it or unset`);
    expect(exit).toBe(2);
  });
});

describe("a value that cannot be used is named, with what was expected", () => {
  test.each([
    ["AGENTD_NODE_TIMEOUT_SECS", "soon", "a whole number from 0 to 3155760000"],
    ["AGENTD_NODE_TIMEOUT_SECS", "-1", "a whole number from 0 to 3155760000"],
    ["AGENTD_NODE_TIMEOUT_SECS", "", "a whole number from 0 to 3155760000"],
    ["AGENTD_CONTEXT_EVENT_LIMIT", "1e3", "a whole number from 0 to 10000"],
    ["AGENTD_CONNECTIONS_MAX", "0", "a whole number from 1 to 65536"],
    ["AGENTD_REQUEST_BYTES_MAX", "99999999999", "a whole number from 1024 to 67108864"],
    ["AGENTD_SOCKET_MODE", "0666", "0600 or 0660"],
    ["AGENTD_DATABASE_URL", "postgres://db", "sqlite://PATH of a file"],
    ["AGENTD_DATABASE_URL", "sqlite::memory:", "sqlite://PATH of a file"],
  ])("%s=%s", async (variable, value, expected) => {
    using place = scratch();
    const { exit, error } = await refusedStart(place.home, { environment: { [variable]: value } });
    expect(error).toContain(`${variable} is ${JSON.stringify(value)}; expected ${expected}`);
    expect([2, 4]).toContain(exit);
    expect(existsSync(place.home)).toBe(false);
  });

  test("a value that contradicts another, which has its default", async () => {
    using place = scratch();
    const { exit, error } = await refusedStart(place.home, { environment: { AGENTD_REQUEST_BYTES_MAX: "67108864" } });
    expect(error).toContain("AGENTD_CLIENTS_BYTES_MAX must be at least 335544320 and is 67108864");
    expect([2, 4]).toContain(exit);
    expect(existsSync(place.home)).toBe(false);
  });

  test("a socket path too long for a socket", async () => {
    using place = scratch();
    const AGENTD_SOCKET_PATH = `/${"x".repeat(103)}`;
    const { error } = await refusedStart(place.home, { environment: { AGENTD_SOCKET_PATH } });
    expect(error).toContain(`${AGENTD_SOCKET_PATH} has 104 bytes and a Unix socket allows 103`);
  });
});
