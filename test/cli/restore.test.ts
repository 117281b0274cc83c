import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Result } from "../../src/protocol/methods.ts";
import type { Restored } from "../../src/protocol/offline.ts";
import { type Home, temporaryHome } from "../support/daemon.ts";

setDefaultTimeout(30_000);

type Report = Result<"VerifyJournal">;

const plan = JSON.stringify({ goal: "g", nodes: [{ name: "a" }, { name: "b" }, { name: "c" }, { name: "d" }] });

/** A home with a daemon, a backup of it, and what was done after the backup. */
async function withLostFuture() {
  const home = await temporaryHome();
  await home.agentd(["task", "register", "-"], { stdin: plan });
  const backup = join(dirname(home.path), "backup.db");
  await home.json("backup", backup);
  const tokens = [await token(home), await token(home)];
  return { home, backup, tokens, database: join(home.path, "agent_state.db") };
}

async function token(home: Home): Promise<number> {
  const { fencing_token } = await home.json<{ fencing_token: number }>("node", "acquire", "--any", "--owner", "ann");
  return fencing_token;
}

const asideIn = (home: Home) => readdirSync(home.path).filter((name) => name.includes(".replaced-"));

describe("agentd restore", () => {
  test("puts a backup in place, keeps what was there, and no fencing token is given twice", async () => {
    const { home, backup, tokens, database } = await withLostFuture();
    await using _ = home;
    await home.agentd(["stop"]);
    const bytes = readFileSync(backup);
    const restored = await home.json<Restored>("restore", backup);
    expect(restored).toMatchObject({ file: backup, database, rows: 1, from_seq: 1, lost_seq: Math.max(...tokens) });
    expect(asideIn(home).map((name) => join(home.path, name))).toEqual([restored.replaced ?? ""]);
    expect(readFileSync(backup).equals(bytes)).toBe(true);
    expect((await home.agentd(["start"])).err).toBe("");
    const given = await token(home);
    expect(given).toBeGreaterThan(restored.seq);
    expect(await home.json<Report>("verify")).toMatchObject({ ok: true, restores: 1, last_seq: given });
    expect(await home.json<Report>("verify", restored.replaced ?? "")).toMatchObject({ ok: true, rows: 3 });
  });

  test.each([0o400, 0o644])("of a backup with mode %o makes a database of its owner's alone", async (mode) => {
    const { home, backup, database } = await withLostFuture();
    await using _ = home;
    await home.agentd(["stop"]);
    chmodSync(backup, mode);
    await home.json("restore", backup);
    expect(statSync(database).mode & 0o777).toBe(0o600);
  });

  test("again, at once, keeps each database it replaces, and gives other tokens", async () => {
    const { home, backup } = await withLostFuture();
    await using _ = home;
    const given: number[] = [];
    for (let n = 0; n < 3; n++) {
      await home.agentd(["stop"]);
      await home.json("restore", backup);
      await home.agentd(["start"]);
      given.push(await token(home), await token(home));
    }
    expect(asideIn(home)).toHaveLength(3);
    expect(new Set(given).size).toBe(6);
    expect(given).toEqual(given.toSorted((a, b) => a - b));
  });

  test("refuses while a daemon runs, and says how to end it", async () => {
    const { home, backup } = await withLostFuture();
    await using _ = home;
    const { exit, err } = await home.agentd(["restore", backup]);
    expect([exit, err]).toEqual([3, expect.stringContaining("`agentd stop` ends it") as string]);
    expect(await home.json<Report>("verify")).toMatchObject({ ok: true, restores: 0, rows: 3 });
  });

  test("works where the database itself is gone, or is not readable any more", async () => {
    const { home, backup, tokens, database } = await withLostFuture();
    await using _ = home;
    await home.agentd(["stop"]);
    for (const part of ["", "-wal", ".head"]) rmSync(`${database}${part}`, { force: true });
    expect(await home.json<Restored>("restore", backup)).toMatchObject({ lost_seq: null, replaced: null });
    writeFileSync(database, "no database any more", { mode: 0o600 });
    expect(await home.json<Restored>("restore", backup)).toMatchObject({ replaced: expect.any(String) as string });
    await home.agentd(["start"]);
    expect(await token(home)).toBeGreaterThan(Math.max(...tokens));
  });

  test("that was interrupted is finished by the next start", async () => {
    const { home, backup, database } = await withLostFuture();
    await using _ = home;
    await home.agentd(["stop"]);
    const before = readFileSync(database);
    await home.json("restore", backup);
    // As after a kill between the two names: the new one waits, and the old one has been moved.
    renameSync(database, `${database}.restored`);
    expect((await home.agentd(["start"])).exit).toBe(0);
    expect(await home.json<Report>("verify")).toMatchObject({ ok: true, restores: 1 });
    const [aside = ""] = asideIn(home);
    expect(readFileSync(join(home.path, aside)).equals(before)).toBe(true);
    expect(existsSync(`${database}.restored`)).toBe(false);
  });
});

describe("files that are no backup", () => {
  let home: Home;
  let database: string;
  let backup: string;

  beforeAll(async () => {
    ({ home, database, backup } = await withLostFuture());
    await home.agentd(["stop"]);
  });

  afterAll(() => home[Symbol.asyncDispose]());

  const files: [string, () => string, number, RegExp][] = [
    ["the home's own database", () => database, 2, /is the database this home uses, not a copy of it/],
    ["a text", () => at("text", (path) => writeFileSync(path, "goal: g\n")), 2, /is (neither|not) a database/],
    ["an empty file", () => at("empty", (path) => writeFileSync(path, "")), 2, /is (neither|not) a database/],
    ["a folder", () => dirname(home.path), 2, /is not a regular file/],
    ["a device", () => "/dev/zero", 2, /is not a regular file/],
    ["nothing", () => at("nothing", () => undefined), 2, /there is no file/],
    ["a backup that was altered", () => at("altered", (path) => alter(path, "REGISTER_TASK", 3)), 1, /altered|damaged/],
    ["a backup that is damaged", () => at("damaged", (path) => damage(path)), 1, /damaged/],
    [
      "a database with its log beside it",
      () => at("logged", (path) => (copyFileSync(backup, path), writeFileSync(`${path}-wal`, "x".repeat(100)))),
      2,
      /has a log beside it/,
    ],
  ];

  function at(name: string, make: (path: string) => void): string {
    const path = join(dirname(home.path), name);
    make(path);
    return path;
  }

  /** Turns a bit of what stands behind a text. */
  function alter(path: string, text: string, behind: number): void {
    const bytes = readFileSync(backup);
    const index = bytes.indexOf(text) + text.length + 10 + behind;
    bytes[index] = (bytes[index] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  }

  function damage(path: string): void {
    const bytes = readFileSync(backup);
    bytes.fill(0x77, 4_096, 4_096 * 12);
    writeFileSync(path, bytes);
  }

  test.each(files)("%s: verify and restore say so, and nothing is changed", async (_what, make, status, message) => {
    const path = make();
    const before = readdirSync(home.path).toSorted();
    for (const command of ["verify", "restore"]) {
      const { exit, out, err } = await home.agentd([command, path, "--no-start"]);
      expect([command, exit, `${out}${err}`]).toEqual([command, status, expect.stringMatching(message) as string]);
      expect(err).not.toContain("bug");
    }
    expect(readdirSync(home.path).toSorted()).toEqual(before);
  });
});

test("who puts an older copy back by hand is told at the start, and verify knows", async () => {
  const { home, backup, tokens, database } = await withLostFuture();
  await using _ = home;
  await home.agentd(["stop"]);
  copyFileSync(backup, database);
  const started = await home.agentd(["start"]);
  expect([started.exit, started.err]).toEqual([0, expect.stringContaining("is an older copy") as string]);
  expect(await token(home)).toBeGreaterThan(Math.max(...tokens));
  const { out } = await home.agentd(["verify"]);
  expect(out).toContain("restored from an older copy: 1");
});

test("the head that verify prints is what --head takes", async () => {
  const { home, backup } = await withLostFuture();
  await using _ = home;
  const { out } = await home.agentd(["verify"]);
  const [, head = ""] = /^head (\S+)$/m.exec(out) ?? [];
  expect((await home.agentd(["verify", "--head", head])).exit).toBe(0);
  expect((await home.agentd(["verify", backup, "--head", head])).exit).toBe(1);
  expect((await home.agentd(["verify", "--head", "7"])).exit).toBe(2);
});
