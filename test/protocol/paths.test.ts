import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { settings } from "../../src/protocol/settings.ts";
import { BadPath, databaseUrl, type Environment, parseEnvFile, resolveEnvironment } from "../../src/protocol/home.ts";

/** Resolves in /repo, where `files` are all the files there are. */
function resolve(environment: Environment, files: Record<string, string> = {}, flags = {}) {
  return resolveEnvironment(environment, async (path) => files[path] ?? null, { cwd: "/repo", ...flags });
}

async function refusalOf(environment: Environment, flags = {}): Promise<string> {
  try {
    await resolve(environment, {}, flags);
  } catch (refused) {
    if (refused instanceof BadPath) return refused.message;
    throw refused;
  }
  return "";
}

describe("where agentd lives", () => {
  test("everything is under ~/.agentd unless told otherwise", async () => {
    const { paths } = await resolve({ HOME: "/home/ada" });
    expect(paths).toEqual({
      home: "/home/ada/.agentd",
      envFile: "/home/ada/.agentd/.env",
      database: "/home/ada/.agentd/agent_state.db",
      socket: "/home/ada/.agentd/agentd.sock",
      lock: "/home/ada/.agentd/agentd.lock",
      log: "/home/ada/.agentd/agentd.log",
      stopMarker: "/home/ada/.agentd/agentd.stopped",
    });
  });

  test.each<[string, Environment, object, object]>([
    [
      "AGENTD_HOME moves all",
      { AGENTD_HOME: "/a" },
      {},
      { home: "/a", socket: "/a/agentd.sock", lock: "/a/agentd.lock" },
    ],
    [
      "--home wins over AGENTD_HOME",
      { AGENTD_HOME: "/a" },
      { home: "/b" },
      { home: "/b", database: "/b/agent_state.db" },
    ],
    [
      "a relative home is taken from here",
      { AGENTD_HOME: "h" },
      {},
      { home: "/repo/h", socket: "/repo/h/agentd.sock" },
    ],
    [
      "AGENTD_SOCKET_PATH moves the socket alone",
      { AGENTD_HOME: "/a", AGENTD_SOCKET_PATH: "/s" },
      {},
      { home: "/a", socket: "/s" },
    ],
    [
      "--socket wins over AGENTD_SOCKET_PATH",
      { AGENTD_HOME: "/a", AGENTD_SOCKET_PATH: "/s" },
      { socket: "t" },
      { socket: "/repo/t" },
    ],
    [
      "an absolute database",
      { AGENTD_HOME: "/a", AGENTD_DATABASE_URL: "sqlite:///d/x.db" },
      {},
      { database: "/d/x.db" },
    ],
    [
      "a relative database",
      { AGENTD_HOME: "/a", AGENTD_DATABASE_URL: "sqlite://x.db" },
      {},
      { database: "/repo/x.db" },
    ],
    [
      "a database without slashes",
      { AGENTD_HOME: "/a", AGENTD_DATABASE_URL: "sqlite:x.db" },
      {},
      { database: "/repo/x.db" },
    ],
    [
      "a database with a mode",
      { AGENTD_HOME: "/a", AGENTD_DATABASE_URL: "sqlite:///x.db?mode=rwc" },
      {},
      { database: "/x.db" },
    ],
    ["a ? or # in a home is one", { AGENTD_HOME: "/a?b#c%41" }, {}, { database: "/a?b#c%41/agent_state.db" }],
    ["what % encodes in a URL", { HOME: "/h", AGENTD_DATABASE_URL: "sqlite:///a%3Fb#c" }, {}, { database: "/a?b#c" }],
    ["a % that encodes nothing", { HOME: "/h", AGENTD_DATABASE_URL: "sqlite:///100%" }, {}, { database: "/100%" }],
  ])("%s", async (_rule, environment, flags, paths) => {
    expect((await resolve(environment, {}, flags)).paths).toMatchObject(paths);
  });

  test.each<[string, Environment, string]>([
    ["no home at all", {}, "neither AGENTD_HOME nor HOME is set"],
    ["an empty HOME", { HOME: "" }, "neither AGENTD_HOME nor HOME is set"],
    ["an empty AGENTD_HOME", { HOME: "/h", AGENTD_HOME: "" }, "AGENTD_HOME is empty"],
    ["an empty AGENTD_ENV_FILE", { HOME: "/h", AGENTD_ENV_FILE: "" }, "AGENTD_ENV_FILE is empty"],
    ["an empty AGENTD_SOCKET_PATH", { HOME: "/h", AGENTD_SOCKET_PATH: "" }, "AGENTD_SOCKET_PATH is empty"],
    ["an empty database URL", { HOME: "/h", AGENTD_DATABASE_URL: "" }, 'AGENTD_DATABASE_URL is ""'],
    ["another engine", { HOME: "/h", AGENTD_DATABASE_URL: "postgres://x" }, "expected sqlite://PATH"],
    ["a database URL without a path", { HOME: "/h", AGENTD_DATABASE_URL: "sqlite://" }, "expected sqlite://PATH"],
    [
      "a database URL of a mode alone",
      { HOME: "/h", AGENTD_DATABASE_URL: "sqlite://?mode=rwc" },
      "expected sqlite://PATH",
    ],
    ["a database that is only read", { HOME: "/h", AGENTD_DATABASE_URL: "sqlite:///x?mode=ro" }, "mode=rwc"],
    ["a ? in a database URL's path", { HOME: "/h", AGENTD_DATABASE_URL: "sqlite:///q?.db" }, "%3F"],
    ...["", "-wal", "-journal", ".head", ".restored"].map((part): [string, Environment, string] => [
      `a database whose ${part || "file"} is where the socket is`,
      { HOME: "/h", AGENTD_SOCKET_PATH: `/h/.agentd/agent_state.db${part}` },
      "both",
    ]),
    [
      "a log of the database where the socket is",
      { HOME: "/h", AGENTD_SOCKET_PATH: "/h//.agentd/./agent_state.db-wal" },
      "both",
    ],
    ...["agentd.sock", "agentd.stopped", ".env", "agentd.lock", "agentd.log"].map(
      (name): [string, Environment, string] => [
        `a database at ${name}`,
        { HOME: "/h", AGENTD_DATABASE_URL: `sqlite:///h/.agentd/${name}` },
        "would be both the database and",
      ],
    ),
    ...["yes", "true", "2"].map((value): [string, Environment, string] => [
      `AGENTD_NO_START=${value}`,
      { HOME: "/h", AGENTD_NO_START: value },
      `AGENTD_NO_START is "${value}"; expected 1 or 0`,
    ]),
    ["AGENTD_GUARD=OFF", { HOME: "/h", AGENTD_GUARD: "OFF" }, 'AGENTD_GUARD is "OFF"; expected off or on'],
    ["a database in memory", { HOME: "/h", AGENTD_DATABASE_URL: "sqlite::memory:" }, "of a file"],
    [
      "a missing env file that was named",
      { HOME: "/h", AGENTD_ENV_FILE: "/e" },
      "AGENTD_ENV_FILE names /e, which does not exist",
    ],
  ])("%s is refused", async (_name, environment, message) => {
    expect(await refusalOf(environment)).toContain(message);
  });
});

test("every path has a URL that names it", () => {
  const property = fc.asyncProperty(fc.string({ minLength: 1 }), async (name) => {
    const path = `/${name}`;
    const { paths } = await resolve({ HOME: "/h", AGENTD_DATABASE_URL: databaseUrl(path) });
    expect(paths.database).toBe(path);
  });
  return fc.assert(property);
});

describe("a socket path", () => {
  const path = (bytes: number) => `/${"s".repeat(bytes - 1)}`;

  test("may have 103 bytes", async () => {
    expect((await resolve({ HOME: "/h", AGENTD_SOCKET_PATH: path(103) })).paths.socket).toBe(path(103));
  });

  test.each<[string, Environment, object, string]>([
    ["of 104 bytes", { HOME: "/h", AGENTD_SOCKET_PATH: path(104) }, {}, path(104)],
    ["of 104 bytes by --socket", { HOME: "/h" }, { socket: path(104) }, path(104)],
    [
      "of 104 bytes in 53 characters",
      { HOME: "/h", AGENTD_SOCKET_PATH: `/${"é".repeat(51)}s` },
      {},
      `/${"é".repeat(51)}s`,
    ],
    ["of 104 bytes by its home", { AGENTD_HOME: path(92) }, {}, `${path(92)}/agentd.sock`],
  ])("%s is refused by name and length", async (_name, environment, flags, socket) => {
    expect(await refusalOf(environment, flags)).toContain(`${socket} has 104 bytes and a Unix socket allows 103`);
  });
});

describe("the env file", () => {
  test.each<[string, string, string | undefined]>([
    ["a bare value", "AGENTD_X=1", "1"],
    ["white space around", "  AGENTD_X = a b  ", "a b"],
    ["export", "export AGENTD_X=1", "1"],
    ["double quotes", 'AGENTD_X=" a "', " a "],
    ["single quotes", "AGENTD_X='a \"b\"'", 'a "b"'],
    ["nothing", "AGENTD_X=", ""],
    ["a comment behind a value", "AGENTD_X=1 # one", "1"],
    ["a comment behind quotes", 'export AGENTD_X="1"# one', "1"],
    ["a comment behind nothing", "AGENTD_X= # none", ""],
    ["# in quotes", 'AGENTD_X="a # b"', "a # b"],
    ["# inside a word", "AGENTD_X=/tmp/a#b/s", "/tmp/a#b/s"],
    ["= inside a value", "AGENTD_X=a=b", "a=b"],
    ["a carriage return", "AGENTD_X=1\r\nAGENTD_Y=2\r\n", "1"],
    ["the last of two", "AGENTD_X=1\nAGENTD_X=2", "2"],
    ["a comment line", "# AGENTD_X=1", undefined],
    ["other keys", "PATH=/bin\nNODE_OPTIONS=--x", undefined],
    ["a line that sets nothing", "AGENTD_X", undefined],
  ])("%s", (_rule, text, value) => {
    expect(parseEnvFile(text).AGENTD_X).toBe(value);
  });

  test("adds to the process's environment, which wins", async () => {
    const files = { "/h/.env": "AGENTD_DEPTH_MAX=8\nAGENTD_NODE_TIMEOUT_SECS=9\nPATH=/evil" };
    const { environment } = await resolve({ AGENTD_HOME: "/h", AGENTD_DEPTH_MAX: "16", PATH: "/bin" }, files);
    expect(environment).toEqual({
      AGENTD_HOME: "/h",
      AGENTD_DEPTH_MAX: "16",
      AGENTD_NODE_TIMEOUT_SECS: "9",
      PATH: "/bin",
    });
  });

  test("a variable the process has unset is the file's to set", async () => {
    const files = { "/h/.env": "AGENTD_DEPTH_MAX=8" };
    const { environment } = await resolve({ AGENTD_HOME: "/h", AGENTD_DEPTH_MAX: undefined }, files);
    expect(environment.AGENTD_DEPTH_MAX).toBe("8");
  });

  test.each<[string, string, string]>([
    [
      "a misspelt name",
      "AGENTD_NODE_TIMEOUT_SEC=7",
      "AGENTD_NODE_TIMEOUT_SEC, which has no effect there (did you mean AGENTD_NODE_TIMEOUT_SECS?)",
    ],
    ["what says where the file is", "AGENTD_HOME=/h", "AGENTD_HOME, which has no effect there"],
  ])("with %s is refused", async (_what, text, message) => {
    const refused = await resolve({ AGENTD_HOME: "/h" }, { "/h/.env": text }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(BadPath);
    expect((refused as BadPath).message).toStartWith(`/h/.env sets ${message}`);
  });

  test("may set every setting there is", async () => {
    const text = Object.values(settings)
      .map(({ variable }) => `${variable}=1`)
      .join("\n");
    const { environment } = await resolve({ AGENTD_HOME: "/h" }, { "/h/.env": text });
    expect(Object.keys(environment).length).toBe(Object.keys(settings).length + 1);
  });

  test("may move socket and database", async () => {
    const files = { "/h/.env": "AGENTD_SOCKET_PATH=/s\nAGENTD_DATABASE_URL=sqlite:///d" };
    expect((await resolve({ AGENTD_HOME: "/h" }, files)).paths).toMatchObject({ socket: "/s", database: "/d" });
  });

  test("may be another one", async () => {
    const files = { "/repo/e": "AGENTD_SOCKET_PATH=/s", "/h/.env": "AGENTD_SOCKET_PATH=/t" };
    const { paths } = await resolve({ AGENTD_HOME: "/h", AGENTD_ENV_FILE: "e" }, files);
    expect(paths).toMatchObject({ envFile: "/repo/e", socket: "/s" });
  });

  test("of the folder agentd is started in is not read", async () => {
    const { paths } = await resolve({ AGENTD_HOME: "/h" }, { "/repo/.env": "AGENTD_SOCKET_PATH=/evil" });
    expect(paths.socket).toBe("/h/agentd.sock");
  });
});
