import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownEnvironment, program } from "../support/daemon.ts";
import { type Scratch, scratch } from "./daemon-process.ts";

setDefaultTimeout(60_000);

const user = process.geteuid?.() === 0 ? 65_534 : (process.geteuid?.() ?? 0);
const isRoot = process.geteuid?.() === 0;
const asUser = isRoot ? ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"] : [];
const canBeUser = !isRoot || Bun.spawnSync([...asUser, ...program, "version"]).success;
if (!canBeUser) process.stderr.write("SKIPPED: what permissions refuse, because another user cannot run agentd here\n");
const canMount = isRoot && Bun.spawnSync(["unshare", "--mount", "true"]).success;
if (!canMount) process.stderr.write("SKIPPED: a home on a read-only disk, because mounting one takes root\n");

const pipe = (path: string) => void Bun.spawnSync(["mkfifo", path]);
const makeHome = ({ home }: Scratch) => mkdirSync(home, { mode: 0o700 });
/** Puts something at a name in the home. */
const inHome = (name: string, put: (path: string) => void) => (place: Scratch) => {
  makeHome(place);
  put(join(place.home, name));
};
const dangling = (path: string) => symlinkSync(`${path}.nowhere`, path);
const directory = (path: string) => mkdirSync(path);

interface Trap {
  what: string;
  set(place: Scratch): void;
  environment?(place: Scratch): Record<string, string>;
  /** Whether permissions are to refuse, which they do not to root. */
  asUser?: boolean;
  /** In the foreground it does not matter. */
  backgroundOnly?: boolean;
  /** What runs the command, such as a namespace of its own. */
  under?(place: Scratch): string[];
}

const traps: Trap[] = [
  { what: "a home that is a file", set: ({ home }) => writeFileSync(home, "") },
  { what: "a home that is a pipe", set: ({ home }) => pipe(home) },
  { what: "a home that leads nowhere", set: ({ home }) => dangling(home) },
  { what: "a home that is a device", set: () => {}, environment: () => ({ AGENTD_HOME: "/dev/null" }) },
  {
    what: "a home below a file",
    set: ({ path }) => writeFileSync(join(path, "file"), ""),
    environment: ({ path }) => ({ AGENTD_HOME: join(path, "file", "home") }),
  },
  ...["agentd.log", "agentd.lock", "agent_state.db", "agentd.stopped"]
    .flatMap((name) => [
      { what: `a pipe as ${name}`, set: inHome(name, pipe) },
      { what: `a directory as ${name}`, set: inHome(name, directory) },
      { what: `a link that leads nowhere as ${name}`, set: inHome(name, dangling) },
    ])
    .filter(({ what }) => !/(pipe|nowhere) as agentd.stopped/.test(what)),
  {
    what: "a database that is none",
    set: inHome("agent_state.db", (path) => writeFileSync(path, "x".repeat(8_192), { mode: 0o600 })),
  },
  {
    what: "a pipe as .env",
    set: inHome(".env", (path) => (pipe(path), chmodSync(path, 0o600))),
    environment: ({ home }) => ({ AGENTD_ENV_FILE: join(home, ".env") }),
  },
  {
    what: "an environment file of a terabyte",
    set: inHome(".env", (path) => (writeFileSync(path, "", { mode: 0o600 }), truncateSync(path, 2 ** 40))),
  },
  { what: "a device as database", set: () => {}, environment: () => ({ AGENTD_DATABASE_URL: "sqlite:///dev/full" }) },
  {
    what: "a socket where none can be made",
    set: () => {},
    environment: () => ({ AGENTD_SOCKET_PATH: "/proc/agentd.sock" }),
  },
  { what: "a home one may not write to", asUser: true, set: ({ home }) => (mkdirSync(home), chmodSync(home, 0o500)) },
  { what: "a home one may not look into", asUser: true, set: ({ home }) => (mkdirSync(home), chmodSync(home, 0o000)) },
  {
    what: "a home in a directory of somebody else's",
    asUser: true,
    set: () => {},
    environment: () => ({ AGENTD_HOME: "/usr/agentd" }),
  },
  {
    what: "a log one may not write to",
    asUser: true,
    backgroundOnly: true,
    set: inHome("agentd.log", (path) => writeFileSync(path, "", { mode: 0o400 })),
  },
  {
    what: "a database one may not read",
    asUser: true,
    set: inHome("agent_state.db", (path) => writeFileSync(path, "x", { mode: 0o000 })),
  },
  {
    what: "a home on a read-only disk",
    set: makeHome,
    under: ({ home }) => [
      "unshare",
      "--mount",
      "sh",
      "-c",
      `mount -t tmpfs -o ro,mode=0700 none ${home} && exec "$@"`,
      "sh",
    ],
  },
];

const isSkipped = ({ asUser: byUser = false, ...trap }: Trap) =>
  (byUser && !canBeUser) || (trap.under !== undefined && !canMount);

const saysWhatToDo = /; (set|put|move|make|name|run|free|create)|cannot be (read|used|examined)/;

async function agentd(trap: Trap, place: Scratch, args: readonly string[]) {
  const under = [...(trap.under?.(place) ?? []), ...(trap.asUser === true ? asUser : [])];
  const child = Bun.spawn([...under, ...program, ...args], {
    cwd: "/",
    env: { ...ownEnvironment(), AGENTD_HOME: place.home, ...trap.environment?.(place) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exit: await child.exited, out, err };
}

describe("what cannot be used was called a bug, or waited for", () => {
  for (const trap of traps) {
    test.skipIf(isSkipped(trap))(trap.what, async () => {
      using place = scratch();
      if (trap.asUser === true) chmodSync(place.path, 0o755);
      trap.set(place);
      if (trap.asUser === true && isRoot) {
        for (const path of new Bun.Glob("**").scanSync({
          cwd: place.path,
          onlyFiles: false,
          dot: true,
          absolute: true,
        }))
          chownSync(path, user, user);
      }
      const lines = ["task list", "serve", "serve --background", "start", "stop", "status", "logs"];
      for (const line of lines.filter((each) => each !== "serve" || trap.backgroundOnly !== true)) {
        const { exit, out, err } = await agentd(trap, place, line.split(" "));
        const said = `agentd ${line}: ${out}${err}`;
        expect(said).not.toMatch(/bug in agentd|^\s+at /m);
        if (!["stop", "logs"].includes(line)) expect(`${exit} ${said}`).toStartWith("4 ");
        if (["task list", "serve"].includes(line)) expect(said).toMatch(saysWhatToDo);
        expect(said).not.toContain("before it said anything");
      }
      expect(await agentd(trap, place, ["doctor"])).toMatchObject({ exit: 1, err: "" });
    });
  }
});

test("a temporary directory that cannot be written is seen by doctor", async () => {
  using place = scratch();
  const trap: Trap = { what: "", set: () => {}, environment: ({ path }) => ({ TMPDIR: join(path, "missing") }) };
  const { exit, out } = await agentd(trap, place, ["doctor"]);
  expect(exit).toBe(1);
  expect(out).toContain(`${place.path}/missing cannot be written: no such file or directory; set TMPDIR`);
});

describe("a command read without bound, or waited for ever", () => {
  const inputs: [string, (path: string) => void][] = [
    ["a pipe", pipe],
    ["a device", (path) => symlinkSync("/dev/zero", path)],
    ["a directory", directory],
    ["a file of a terabyte", (path) => (writeFileSync(path, ""), truncateSync(path, 2 ** 40))],
  ];
  test.each(inputs)("%s", async (_what, put) => {
    using place = scratch();
    const path = join(place.path, "input");
    put(path);
    const trap: Trap = { what: "", set: () => {} };
    for (const line of ["task register FILE", "verify FILE", "call CommitEvent @FILE"]) {
      const words = line.split(" ").map((word) => word.replace("FILE", path));
      const { exit, err } = await agentd(trap, place, [...words, "--no-start"]);
      expect(`${line}: ${exit} ${err}`).toMatch(
        /: 2 .*(not a regular file|more than \d+ bytes|neither a database nor)/,
      );
    }
  });

  test("standard input", async () => {
    using place = scratch();
    for (const words of ["task register -", "call CommitEvent -"]) {
      const child = Bun.spawn([...program, ...words.split(" ")], {
        env: { ...ownEnvironment(), AGENTD_HOME: place.home },
        stdio: [Bun.file("/dev/zero"), "ignore", "pipe"],
      });
      expect(await child.stderr.text()).toContain("standard input cannot be read: it has more than 67108864 bytes");
      expect(await child.exited).toBe(2);
    }
  });

  test("an archive that unpacks to a line without end", async () => {
    using place = scratch();
    const path = join(place.path, "bomb.gz");
    const zeros = Bun.gzipSync(new Uint8Array(64 << 20));
    writeFileSync(path, Buffer.concat(Array.from({ length: 64 }, () => zeros)));
    const { exit, out } = await agentd({ what: "", set: () => {} }, place, ["verify", path]);
    expect(exit).toBe(1);
    expect(out).toContain("a line has more than 134217728 characters");
  });
});
