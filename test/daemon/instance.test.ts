import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { claimHome } from "../../src/daemon/instance.ts";
import { tryLockFile } from "../../src/native/libc.ts";
import { resolveEnvironment } from "../../src/protocol/home.ts";
import { Client } from "../../src/client/client.ts";
import { program } from "../support/daemon.ts";
import { type DaemonProcess, refusedStart, scratch, serve, tryServe, until } from "./daemon-process.ts";

setDefaultTimeout(30_000);

describe("one home has one daemon", () => {
  test("of ten started at once one serves, and the others say which", async () => {
    using place = scratch();
    const all = await Promise.all(Array.from({ length: 10 }, () => tryServe(place.home)));
    const losers = all.flatMap((started) => ("error" in started ? [started] : []));
    const winners = all.flatMap((started) => ("error" in started ? [] : [started]));
    try {
      expect(winners.length).toBe(1);
      const [winner] = winners;
      for (const { exit, held, error } of losers) {
        expect({ exit, held }).toEqual({ exit: 4, held: true });
        expect(error).toMatch(new RegExp(`^another agentd \\(pid ${winner?.pid}\\) has the home ${place.home}; `));
      }
      expect(await (await winner?.client())?.call("Health", {})).toMatchObject({ pid: winner?.pid });
    } finally {
      for (const winner of winners) await winner[Symbol.asyncDispose]();
    }
  });

  // The lock comes before the pid behind it: who looks in between must not name nobody, nor the dead.
  test.each(["", "999999999\n"])("whose pid is waited for where the lock's file still says %j", async (before) => {
    using place = scratch();
    mkdirSync(place.home, { mode: 0o700 });
    const { paths } = await resolveEnvironment({ AGENTD_HOME: place.home }, async () => null, { cwd: "/" });
    writeFileSync(paths.lock, before);
    const fd = openSync(paths.lock, "r+");
    try {
      expect(tryLockFile(fd)).toBe(true);
      const refused = claimHome(paths).then(
        () => "taken",
        (error: unknown) => String(error),
      );
      ftruncateSync(fd, 0);
      writeSync(fd, `${process.pid}\n`, 0);
      expect(await refused).toContain(`: another agentd (pid ${process.pid}) has the home ${place.home}; `);
    } finally {
      closeSync(fd);
    }
  });

  test("what kill -9 left is replaced", async () => {
    using place = scratch();
    const killed = await serve(place.home);
    await killed.end("SIGKILL");
    expect(existsSync(killed.socket)).toBe(true);
    await using daemon = await serve(place.home);
    expect(await (await daemon.client()).call("Health", {})).toMatchObject({ pid: daemon.pid });
  });

  test("the foreground refuses in words, with exit status 4", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const { exit, error } = await refusedStart(place.home, { foreground: true });
    expect(exit).toBe(4);
    expect(error).toContain(`another agentd (pid ${daemon.pid}) has the home ${place.home}`);
  });

  test("a socket another program answers on is left to it", async () => {
    using place = scratch();
    mkdirSync(place.home, { mode: 0o700 });
    const socket = join(place.home, "agentd.sock");
    const other = Bun.listen({ unix: socket, socket: { data: () => undefined } });
    try {
      const { exit, error } = await refusedStart(place.home);
      expect(exit).toBe(4);
      expect(error).toStartWith(`another daemon answers on ${socket}; `);
      expect(existsSync(socket)).toBe(true);
    } finally {
      other.stop(true);
    }
  });

  test("two homes cannot share a database", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const environment = { AGENTD_DATABASE_URL: `sqlite://${daemon.home}/agent_state.db` };
    const { error } = await refusedStart(join(place.path, "other"), { environment });
    expect(error).toContain(`another process has the database ${daemon.home}/agent_state.db open`);
  });
});

describe("a daemon ends when its home is no longer its own", () => {
  const replace = (path: string) => {
    writeFileSync(`${path}.new`, "another's");
    renameSync(`${path}.new`, path);
  };
  const lock = ({ home }: DaemonProcess) => join(home, "agentd.lock");
  const losses: [string, (daemon: DaemonProcess) => void][] = [
    ["its socket is removed", ({ socket }) => rmSync(socket)],
    ["its socket is replaced", ({ socket }) => replace(socket)],
    ["its lock is removed", (daemon) => rmSync(lock(daemon))],
    ["its lock is replaced", (daemon) => replace(lock(daemon))],
    ["its home is removed", ({ home }) => rmSync(home, { recursive: true })],
    ["its home is moved", ({ home }) => renameSync(home, `${home}.moved`)],
    ["the directory above its home is moved", ({ home }) => renameSync(dirname(home), `${dirname(home)}.moved`)],
  ];

  // At once: a daemon that says it serves must already be watching.
  test.each(losses)("%s", async (_what, lose) => {
    using place = scratch();
    await using daemon = await serve(join(place.path, "above", "home"));
    lose(daemon);
    expect(await daemon.exited).toBe(1);
  });

  test("and leaves the socket of its successor alone", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    replace(daemon.socket);
    await daemon.exited;
    expect(readFileSync(daemon.socket, "utf8")).toBe("another's");
  });

  test("a successor can start at once where the files were removed", async () => {
    using place = scratch();
    await using first = await serve(place.home);
    rmSync(place.home, { recursive: true });
    await first.exited;
    await using second = await serve(place.home);
    expect(await (await second.client()).call("Health", {})).toMatchObject({ pid: second.pid, last_seq: 0 });
  });
});

test("what a daemon makes is its user's alone", async () => {
  using place = scratch();
  await using daemon = await serve(place.home);
  await (await daemon.client()).call("RegisterTask", { goal: "something in the write-ahead log" });
  const mode = (name: string) => (statSync(join(place.home, name)).mode & 0o777).toString(8);
  const names = ["", "agentd.sock", "agentd.lock", "agentd.log", "agent_state.db", "agent_state.db-wal"];
  expect(names.map((name) => [name, mode(name)])).toEqual(names.map((name) => [name, name === "" ? "700" : "600"]));
});

describe("a start becomes a whole daemon or ends", () => {
  /** Runs a command with a standard output nobody reads any more. */
  const unread = "import os, sys; r, w = os.pipe(); os.dup2(w, 1); os.close(r); os.execvp(sys.argv[1], sys.argv[1:])";

  test.each(["SIGTERM", "SIGINT"] as const)("a daemon whose starter was gone did not hear %s", async (signal) => {
    using place = scratch();
    const command = ["python3", "-c", unread, ...program, "serve", "--background"];
    const env = { PATH: process.env.PATH, AGENTD_HOME: place.home };
    const child = Bun.spawn(command, { env, stdio: ["ignore", "ignore", "inherit"] });
    using _ended = { [Symbol.dispose]: () => child.kill("SIGKILL") };
    const socket = join(place.home, "agentd.sock");
    await until(() =>
      Client.connect(socket).then(
        (client) => (client.close(), true),
        () => false,
      ),
    );
    child.kill(signal);
    expect(await child.exited).toBe(0);
    expect(existsSync(socket)).toBe(false);
  });

  // In a user namespace of its own a process can be given no watch at all, and nobody else is disturbed.
  const unwatched = ["unshare", "-Ur", "sh", "-c", 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"', "sh"];
  const canUnshare = Bun.spawnSync([...unwatched, "true"]).success;
  if (!canUnshare) process.stderr.write("SKIPPED: a machine without watches to give, as unshare -Ur does not work\n");

  test.skipIf(!canUnshare)("without a watch to be had, the process stayed and heard nothing", async () => {
    using place = scratch();
    await using daemon = await serve(place.home, { under: unwatched });
    expect(await daemon.end("SIGTERM")).toBe(0);
    await using second = await serve(place.home, { under: unwatched });
    rmSync(second.socket);
    expect(await second.exited).toBe(1);
  });
});
