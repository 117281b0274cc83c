import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locate } from "../../src/client/find.ts";
import { startDaemon } from "../../src/client/start.ts";
import { stopDaemon } from "../../src/client/stop.ts";
import { program, temporaryHome } from "../support/daemon.ts";
import { rejectionOf } from "../support/rejection.ts";

const scripts = await mkdtemp(join(tmpdir(), "agentd-programs-"));
afterAll(() => rm(scripts, { recursive: true }));

/** A program that stands in for agentd and does what `source` says. */
async function pretend(name: string, source: string): Promise<string[]> {
  const path = join(scripts, `${name}.ts`);
  await writeFile(path, source);
  return [process.execPath, path];
}

describe("a start", () => {
  test("makes a private home and log, and serves", async () => {
    await using home = await temporaryHome();
    const located = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
    using client = await startDaemon(program, located);
    expect(await client.call("Health", {})).toMatchObject({ status: "ok", home: home.path });
    expect((await stat(home.path)).mode & 0o777).toBe(0o700);
    expect((await stat(located.paths.log)).mode & 0o777).toBe(0o600);
  });

  test.each([
    [
      "says why",
      `console.log('{"ready":false,"error":"the disk is full"}')`,
      "the daemon did not start: the disk is full",
    ],
    ["ends silently", "process.exit(7)", "it ended with status 7 before it said anything"],
    ["babbles", 'console.log("hello")', "the daemon did not start: it said hello"],
    ["fails before it has a log", "console.error('no memory'); process.exit(7)", "before it said anything: no memory"],
  ])(
    "that fails because the daemon %s, says so, and names the log where there is one",
    async (name, source, message) => {
      await using home = await temporaryHome();
      const located = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
      const failure = await rejectionOf(startDaemon(await pretend(name.replaceAll(" ", "-"), source), located));
      expect(failure.message).toContain(message);
      expect(failure.message).not.toContain(located.paths.log);
      await writeFile((await mkdir(home.path), located.paths.log), "");
      const again = await rejectionOf(startDaemon(await pretend(name.replaceAll(" ", "-"), source), located));
      expect(again.message).toContain(`its log: ${located.paths.log}`);
    },
  );

  test("whose daemon keeps silent ends within its deadline", async () => {
    await using home = await temporaryHome();
    const located = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
    const silent = await pretend(
      "silent",
      "const parent = process.ppid; while (process.ppid === parent) await Bun.sleep(20)",
    );
    expect((await rejectionOf(startDaemon(silent, located, 200))).message).toContain("said nothing in time");
  });

  test("that loses a race connects to the winner", async () => {
    await using home = await temporaryHome();
    const located = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
    const clients = await Promise.all(Array.from({ length: 4 }, () => startDaemon(program, located)));
    const healths = await Promise.all(clients.map((client) => client.call("Health", {})));
    for (const client of clients) client.close();
    expect(new Set(healths.map(({ pid }) => pid)).size).toBe(1);
  });

  test("takes no variable that steers Bun along", async () => {
    await using home = await temporaryHome();
    const located = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
    const source =
      "console.log(JSON.stringify({ ready: false, error: `${process.cwd()} ${process.env.BUN_OPTIONS}` }))";
    process.env.BUN_OPTIONS = "--smol";
    try {
      expect((await rejectionOf(startDaemon(await pretend("surroundings", source), located))).message).toContain(
        "start: / undefined",
      );
    } finally {
      delete process.env.BUN_OPTIONS;
    }
  });
});

/** A process that listens and one that answers there, of which a signal ends the first. */
const twoListeners = `
import os, signal, socket, sys, threading
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
def serve():
    while True:
        client, _ = listener.accept()
        threading.Thread(target=answer, args=(client,), daemon=True).start()
def answer(client):
    for line in client.makefile():
        client.sendall(b'{"id":1,"result":{"version":"0.2.0"}}\\n')
if os.fork() == 0:
    threading.Thread(target=serve, daemon=True).start()
    print(os.getpid(), flush=True)
    signal.pause()
os.wait()
`;

describe("a stop", () => {
  test("ends the daemon's process and leaves the marker", async () => {
    await using home = await temporaryHome();
    const { paths, environment } = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
    using client = await startDaemon(program, { paths, environment });
    const { pid } = await client.call("Health", {});
    expect(await stopDaemon(paths)).toEqual({ outcome: "stopped", pid });
    expect(existsSync(paths.stopMarker)).toBe(true);
    expect(existsSync(paths.socket)).toBe(false);
    expect(await stopDaemon(paths)).toEqual({ outcome: "not running" });
  });

  test("finds a daemon that does not answer by the pid in its lock file", async () => {
    await using home = await temporaryHome();
    const { paths, environment } = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
    using client = await startDaemon(program, { paths, environment });
    const { pid } = await client.call("Health", {});
    process.kill(pid, "SIGSTOP");
    try {
      expect(await stopDaemon(paths, { answerMs: 50, drainMs: 0 })).toEqual({ outcome: "draining", pid });
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });

  test("that ended a process said so while its socket went on answering", async () => {
    await using home = await temporaryHome();
    const { paths } = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
    await mkdir(home.path, { mode: 0o700 });
    await using server = Bun.spawn(["python3", "-c", twoListeners, paths.socket], { stdout: "pipe" });
    const { value } = await server.stdout.getReader().read();
    try {
      expect(await stopDaemon(paths)).toEqual({ outcome: "replaced", pid: server.pid });
    } finally {
      process.kill(Number(new TextDecoder().decode(value)), "SIGKILL");
    }
  });

  test("never believes a lock file alone: its pid may be another program's by now", async () => {
    await using home = await temporaryHome();
    const { paths } = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
    await using bystander = Bun.spawn(["sleep", "60"]);
    await Bun.$`mkdir -p ${home.path}`;
    await writeFile(paths.lock, `${bystander.pid}\n`);
    expect(await stopDaemon(paths)).toEqual({ outcome: "not running" });
    expect(bystander.exitCode).toBeNull();
    expect(() => process.kill(bystander.pid, 0)).not.toThrow();
  });
});
