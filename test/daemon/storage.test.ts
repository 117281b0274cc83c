import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Database } from "bun:sqlite";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { databaseUrl } from "../../src/protocol/home.ts";
import { temporaryHome } from "../support/daemon.ts";
import { type DaemonProcess, refusedStart, scratch, serve, until } from "./daemon-process.ts";
import { World } from "./world.ts";

setDefaultTimeout(30_000);

const register = { goal: "a write" };

describe("a database that is no longer the one the daemon opened", () => {
  const losses: [string, (database: string) => void][] = [
    ["moved away", (database) => renameSync(database, `${database}.away`)],
    [
      "replaced",
      (database) => {
        renameSync(database, `${database}.away`);
        writeFileSync(database, "another's", { mode: 0o600 });
      },
    ],
  ];
  test.each(losses)("%s: writes are refused, reads answered, and all is well when it is back", async (_how, lose) => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const client = await daemon.lines();
    const world = new World(await daemon.client(), place.path);
    const { task_id } = await world.task();
    const database = join(place.home, "agent_state.db");
    lose(database);
    const refused = await client.ask("RegisterTask", register);
    expect(refused.error).toMatchObject({ code: -32000, data: { kind: "STORAGE_FAILED", retryable: true } });
    expect((await client.ask("TaskStatus", { task_id })).result).toMatchObject({ state: "ACTIVE" });
    expect((await client.ask("Health")).result).toMatchObject({ status: "degraded" });
    renameSync(`${database}.away`, database);
    await until(async () => (await client.ask("RegisterTask", register)).error === undefined);
    expect((await client.ask("Health")).result).toMatchObject({ status: "ok", database: "ok" });
    expect((await client.ask("VerifyJournal")).result).toMatchObject({ ok: true });
  });
});

describe("a log that is no longer the one the daemon writes: writes were acknowledged and gone, and zeros folded in", () => {
  test.each<[string, (log: string) => void]>([
    ["cut off", (log) => truncateSync(log, 0)],
    ["cut off in the middle", (log) => truncateSync(log, 50_000)],
    ["removed", (log) => rmSync(log)],
    ["replaced", (log) => (rmSync(log), writeFileSync(log, "x".repeat(1_000_000), { mode: 0o600 }))],
  ])("%s: writes are refused, and a restart finds what the database itself holds", async (_how, lose) => {
    using place = scratch();
    const database = join(place.home, "agent_state.db");
    {
      await using daemon = await serve(place.home);
      const client = await daemon.lines();
      await client.ask("RegisterTask", register);
      // Folds the log in.
      await client.ask("Backup", { path: join(place.path, "copy.db") });
      for (let n = 0; n < 10; n++) await client.ask("RegisterTask", { goal: "x".repeat(10_000) });
      lose(`${database}-wal`);
      for (let n = 0; n < 3; n++) {
        const refused = await client.ask("RegisterTask", register);
        expect(refused.error).toMatchObject({ code: -32000, data: { kind: "STORAGE_FAILED", retryable: true } });
      }
      expect((await client.ask("Health")).result).toMatchObject({ status: "degraded" });
      expect(await daemon.end("SIGTERM")).toBe(0);
    }
    await using daemon = await serve(place.home);
    const client = await daemon.lines();
    expect((await client.ask("VerifyJournal")).result).toMatchObject({ ok: true });
    const { tasks } = (await client.ask("ListTasks")).result as { tasks: { goal: string }[] };
    expect(tasks.at(-1)?.goal).toBe(register.goal);
    expect((await client.ask("RegisterTask", register)).error).toBeUndefined();
  });

  test("moved away: all is well when it is back", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const client = await daemon.lines();
    await client.ask("RegisterTask", register);
    const log = join(place.home, "agent_state.db-wal");
    renameSync(log, `${log}.away`);
    expect((await client.ask("RegisterTask", register)).error?.data.kind).toBe("STORAGE_FAILED");
    renameSync(`${log}.away`, log);
    await until(async () => (await client.ask("RegisterTask", register)).error === undefined);
    expect((await client.ask("VerifyJournal")).result).toMatchObject({ ok: true });
  });
});

describe("a stop emptied the log into a file nobody finds any more, and acknowledged writes were gone", () => {
  const replaceByItsCopy = (database: string) => {
    copyFileSync(database, `${database}.copy`);
    renameSync(`${database}.copy`, database);
  };
  const endings: [string, (daemon: DaemonProcess, home: string) => Promise<unknown>][] = [
    ["SIGTERM", (daemon) => daemon.end("SIGTERM")],
    [
      "a backup, then SIGTERM",
      async (daemon, home) => {
        const { error } = await (await daemon.lines()).ask("Backup", { path: join(home, "copy.db") });
        expect(error?.data.kind).toBe("STORAGE_FAILED");
        await daemon.end("SIGTERM");
      },
    ],
    [
      "a refused write, then SIGTERM",
      async (daemon) => {
        expect((await (await daemon.lines()).ask("RegisterTask", register)).error?.data.kind).toBe("STORAGE_FAILED");
        await daemon.end("SIGTERM");
      },
    ],
  ];
  test.each(endings)("replaced by a copy of itself, then %s: the next start has everything", async (_how, end) => {
    using place = scratch();
    {
      await using daemon = await serve(place.home);
      const client = await daemon.lines();
      for (let n = 0; n < 10; n++) await client.ask("RegisterTask", register);
      replaceByItsCopy(join(place.home, "agent_state.db"));
      await end(daemon, place.path);
    }
    await using daemon = await serve(place.home);
    const client = await daemon.lines();
    expect((await client.ask("VerifyJournal")).result).toMatchObject({ ok: true, last_seq: 10 });
    expect((await client.ask("RegisterTask", register)).error).toBeUndefined();
  });

  test("its home moved away: it ends, and the next start at the new place has everything", async () => {
    using place = scratch();
    const elsewhere = join(place.path, "elsewhere");
    {
      await using daemon = await serve(place.home);
      const client = await daemon.lines();
      for (let n = 0; n < 10; n++) await client.ask("RegisterTask", register);
      renameSync(place.home, elsewhere);
      expect(await daemon.exited).toBe(1);
    }
    await using daemon = await serve(elsewhere);
    expect((await (await daemon.lines()).ask("VerifyJournal")).result).toMatchObject({ ok: true, last_seq: 10 });
  });
});

test.each(["a?mode=memory", "a#b", "100%41", "file:x", "a b"])(
  "two homes that begin alike, as %s, shared a database",
  async (name) => {
    using place = scratch();
    await using home = await temporaryHome();
    // Through a starter, which tells the daemon where the database is.
    const named = join(place.path, name);
    const { exit } = await home.agentd(["start", "--home", named], {
      env: { AGENTD_DATABASE_URL: databaseUrl(join(named, "agent_state.db")) },
    });
    const { exit: other } = await home.agentd(["start", "--home", join(place.path, `${name}.other`)]);
    expect([exit, other]).toEqual([0, 0]);
    for (const path of [named, `${named}.other`]) {
      expect(await home.agentd(["stop", "--home", path])).toMatchObject({ exit: 0 });
      expect(statSync(join(path, "agent_state.db")).size).toBeGreaterThan(4096);
    }
  },
);

describe("another program's database was taken over", () => {
  const modes: [string, string][] = [
    ["with a rollback journal", "PRAGMA journal_mode = DELETE"],
    ["with a write-ahead log", "PRAGMA journal_mode = WAL"],
  ];
  test.each(modes.flatMap(([what, mode]) => [[what, mode, "closed"] as const, [what, mode, "open"] as const]))(
    "%s",
    async (_what, mode, state) => {
      using place = scratch();
      const path = join(place.path, "places.sqlite");
      const db = new Database(path);
      db.run(mode);
      db.run("CREATE TABLE moz_places (url TEXT)");
      if (state === "closed") db.close(true);
      const files = () =>
        ["", "-wal", "-journal"].map((part) => (existsSync(path + part) ? readFileSync(path + part, "base64") : null));
      const before = files();
      const environment = { AGENTD_DATABASE_URL: `sqlite://${path}` };
      const { exit, error } = await refusedStart(place.home, { environment });
      expect(error).toContain(`the database ${path} cannot be opened: it is another program's (it holds moz_places)`);
      expect(exit).toBe(4);
      expect(files()).toEqual(before);
      db.close(true);
    },
  );
});

test("a backup that cannot be written says so", async () => {
  using place = scratch();
  await using daemon = await serve(place.home);
  const client = await daemon.lines();
  const { error } = await client.ask("Backup", { path: join(place.path, "missing", "copy.db") });
  expect(error).toMatchObject({ code: -32000, data: { kind: "INVALID_STATE" } });
});

/** A file system of 256 KiB, where the system lets us have one. */
function smallDisk(directory: string): Disposable | null {
  mkdirSync(directory, { mode: 0o700 });
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", directory]).success;
  if (mounted) return { [Symbol.dispose]: () => void Bun.spawnSync(["umount", "-l", directory]) };
  process.stderr.write("SKIPPED: a disk that is full, because mounting one takes root\n");
  return null;
}

test("a backup that fills its disk is refused, and the daemon goes on", async () => {
  using place = scratch();
  using disk = smallDisk(join(place.path, "small"));
  if (disk === null) return;
  await using daemon = await serve(place.home);
  const client = await daemon.lines();
  await client.ask("RegisterTask", { goal: "x".repeat(300_000) });
  const { error } = await client.ask("Backup", { path: join(place.path, "small", "copy.db") });
  expect(error).toMatchObject({ code: -32000, data: { retryable: true } });
  expect(error?.data.kind).toStartWith("STORAGE_");
  expect((await client.ask("RegisterTask", register)).error).toBeUndefined();
});

test("a full disk refuses writes and answers reads, and room made is used without a restart", async () => {
  using place = scratch();
  using disk = smallDisk(join(place.path, "small"));
  if (disk === null) return;
  const database = join(place.path, "small", "state.db");
  const ballast = join(place.path, "small", "ballast");
  const environment = { AGENTD_DATABASE_URL: `sqlite://${database}` };
  const started = await serve(place.home, { environment: { AGENTD_DATABASE_URL: `sqlite://${place.path}/seed.db` } });
  await started.end("SIGTERM");
  copyFileSync(join(place.path, "seed.db"), database);
  await using daemon = await serve(place.home, { environment });
  const client = await daemon.lines();
  writeUntilFull(ballast);
  const { error } = await client.ask("RegisterTask", { goal: "x".repeat(8_192) });
  expect(error).toMatchObject({ data: { kind: "STORAGE_FULL", retryable: true } });
  expect((await client.ask("ListTasks")).result).toEqual({ tasks: [], next_before: null });
  writeFileSync(ballast, "");
  expect((await client.ask("RegisterTask", register)).error).toBeUndefined();
});

function writeUntilFull(path: string): void {
  Bun.spawnSync(["dd", "if=/dev/zero", `of=${path}`, "bs=4096"]);
}

test("events older than the journal keeps are refused with EVENTS_PRUNED", async () => {
  using place = scratch();
  await using daemon = await serve(place.home);
  const client = await daemon.lines();
  // Two tasks without nodes, which have ended so, and one that has not.
  for (const nodes of [[], [], [{}]]) await client.ask("RegisterTask", { ...register, initial_nodes: nodes });
  // What was written in this very millisecond is not older than it.
  for (let rows = 0; rows < 2;) {
    const pruned = await client.ask("PruneJournal", { older_than_secs: 0 });
    rows += (pruned.result as { rows: number }).rows;
  }
  const { error } = await client.ask("ListEvents", { after_seq: 1 });
  expect(error).toMatchObject({ code: -32000, data: { kind: "EVENTS_PRUNED", first_seq: 3 } });
  expect((await client.ask("ListEvents", { after_seq: 3 })).result).toMatchObject({ next_after_seq: 4 });
});
