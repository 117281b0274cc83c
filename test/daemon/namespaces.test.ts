import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chownSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Client } from "../../src/client/client.ts";
import { ownEnvironment, program } from "../support/daemon.ts";
import { scratch, serve, until } from "./daemon-process.ts";

setDefaultTimeout(60_000);

const isRoot = process.geteuid?.() === 0;
const ownNumbers = ["unshare", "--pid", "--fork", "--kill-child"];
const canUnshare = isRoot && Bun.spawnSync([...ownNumbers, "true"]).success;
if (!canUnshare) process.stderr.write("SKIPPED: daemons in another PID namespace, because only root can make one\n");

/** Runs one command against a home; `under` is what runs it, such as another namespace. */
async function agentd(home: string, args: readonly string[], under: readonly string[] = []) {
  const child = Bun.spawn([...under, ...program, ...args], {
    env: { ...ownEnvironment(), AGENTD_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exit: await child.exited, out, err };
}

const answers = (home: string) =>
  Client.connect(join(home, "agentd.sock")).then(
    (client) => (client.close(), true),
    () => false,
  );

describe.skipIf(!canUnshare)("a stop signalled whoever has the daemon's number here", () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ["the daemon in a PID namespace of its own", ownNumbers, []],
    ["the stop in one", [], ownNumbers],
    ["each in one", ownNumbers, ownNumbers],
  ])("%s: it ends, and nobody else", async (_where, daemonUnder, stopUnder) => {
    using place = scratch();
    await using daemon = await serve(place.home, { under: daemonUnder });
    const ran = await agentd(place.home, ["stop"], stopUnder);
    expect(ran.err).toBe("");
    expect(ran).toMatchObject({ exit: 0 });
    expect(ran.out).toStartWith("stopped: ");
    expect(await answers(place.home)).toBe(false);
    expect(await daemon.exited).toBe(0);
    expect(daemon.log()).toContain("stopped");
  });
});

describe("a restart of a daemon that ran in the foreground left one outside of its supervisor", () => {
  const supervise = 'trap "kill \\$child; exit 0" TERM; while :; do "$@" & child=$!; wait $child; done';

  test("its supervisor starts it again, and restart says so", async () => {
    using place = scratch();
    const supervisor = Bun.spawn(["sh", "-c", supervise, "sh", ...program, "serve"], {
      env: { ...ownEnvironment(), AGENTD_HOME: place.home },
      stdio: ["ignore", "ignore", "ignore"],
    });
    try {
      await until(() => answers(place.home));
      const pid = async () => {
        using client = await Client.connect(join(place.home, "agentd.sock"));
        const health = await client.call("Health", {});
        expect(health.background).toBe(false);
        return health.pid;
      };
      const before = await pid();
      const ran = await agentd(place.home, ["restart"]);
      expect(ran).toMatchObject({ exit: 0 });
      expect(ran.out).toStartWith("started: ");
      expect(await pid()).not.toBe(before);
    } finally {
      supervisor.kill("SIGTERM");
      await supervisor.exited;
      await until(async () => !(await answers(place.home)));
    }
  });

  test("without a supervisor none runs afterwards, and restart says where to start it", async () => {
    using place = scratch();
    await using daemon = await serve(place.home, { foreground: true });
    const ran = await agentd(place.home, ["restart"]);
    expect(ran.exit).toBe(4);
    expect(ran.err).toContain("ran in the foreground");
    expect(ran.err).toContain("agentd start");
    expect(await daemon.exited).toBe(0);
    expect(await answers(place.home)).toBe(false);
  });
});

describe.skipIf(!isRoot)("root left files in a user's home, whose daemon never started again", () => {
  const user = 65_534;

  test.each([
    ["task list", 4],
    ["start", 4],
    ["stop", 4],
    ["restart", 4],
    ["serve", 4],
    ["serve --background", 4],
    ["status", 4],
    ["logs", 1],
    ["doctor", 1],
  ])("agentd %s", async (line, status) => {
    using place = scratch();
    mkdirSync(place.home, { mode: 0o700 });
    chownSync(place.home, user, user);
    const { exit, out, err } = await agentd(place.home, line.split(" "));
    expect(exit).toBe(status);
    if (line !== "status" && line !== "logs") expect(out + err).toContain(`belongs to user ${user}`);
    expect(readdirSync(place.home)).toEqual([]);
  });
});
