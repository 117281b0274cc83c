import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { WorkBudget } from "../../src/core/work-budget.ts";
import { CaseProbe } from "../../src/daemon/case-probe.ts";
import { KeyPlaces } from "../../src/daemon/key-places.ts";
import { createLog } from "../../src/daemon/log.ts";
import { Server } from "../../src/daemon/server.ts";
import { fileThreads } from "../../src/native/libc.ts";
import { nameOfWord, type PlacedWord } from "../../src/protocol/key-words.ts";
import { limits } from "../../src/protocol/limits.ts";
import { TestService } from "../service/harness.ts";
import { scratch } from "./daemon-process.ts";
import { LineClient } from "./line-client.ts";

/** Somebody waits for the answer. */
const waiting = new AbortController().signal;

describe("a file system that does not answer", () => {
  const word = { written: "x", cwd: "/" };
  const probe = new CaseProbe("/");
  const never = new Promise<never>(() => {});
  const key = { resource_key: "file:/x", scope: null, top: null, guardsNothing: null };

  test("is not waited for", async () => {
    const places = new KeyPlaces({ probe, newResolve: () => () => never, patienceMs: 20 });
    const found = (await places.lookUp({ words: [word], scopes: new Set() }, waiting)).get(nameOfWord(word));
    expect(found).toMatchObject({
      late: true,
      fault: expect.stringContaining("did not answer within 20 ms") as string,
    });
  });

  test("is not waited for to learn whether case counts there, and home's answer stands in", async () => {
    const hanging = new CaseProbe("/", () => never);
    const places = new KeyPlaces({ probe: hanging, patienceMs: 20 });
    const named = { words: [], scopes: new Set(["/hangs/.git"]) };
    expect(places.isNew("/hangs/.git")).toBe(true);
    await places.lookUp(named, waiting);
    expect(hanging.ignoresCase("/hangs/.git")).toBe(false);
  });

  /** Words of which those under `/mnt/nfs` hang until they are answered. */
  const halfHanging = () => {
    const hanging: (() => void)[] = [];
    const resolve = ({ cwd }: PlacedWord) =>
      cwd.startsWith("/mnt/nfs/")
        ? new Promise<typeof key>((done) => hanging.push(() => done(key)))
        : Promise.resolve(key);
    const places = new KeyPlaces({ probe, newResolve: () => resolve, patienceMs: 20 });
    const ask = async (cwd: string, written = "x", gone = waiting) =>
      (await places.lookUp({ words: [{ written, cwd }], scopes: new Set() }, gone)).get(nameOfWord({ written, cwd }));
    return { hanging, ask };
  };

  test("does not hold up what lies elsewhere, however much of it is asked for", async () => {
    const { hanging, ask } = halfHanging();
    const asked = Array.from({ length: 40 }, async (_, n) => ask(`/mnt/nfs/${n}`));
    for (const found of await Promise.all(asked)) expect(found).toMatchObject({ late: true });
    expect(await ask("/mnt/disk/a")).toEqual(key);
    expect(await ask("/srv/a")).toEqual(key);
    expect(hanging.length).toBeLessThan(fileThreads);
  });

  test("gives its places back when it answers", async () => {
    const { hanging, ask } = halfHanging();
    const asked = Array.from({ length: 40 }, async (_, n) => ask(`/mnt/nfs/${n}`));
    await Promise.all(asked);
    expect(await ask("/srv/a", "/mnt/nfs/0/x")).toMatchObject({ late: true });
    for (const answer of hanging) answer();
    await Promise.resolve();
    expect(await ask("/srv/a", "/mnt/nfs/0/x")).toEqual(key);
  });

  test("is asked no more for a client that has gone", async () => {
    const gone = new AbortController();
    let asked = 0;
    const resolve = async () => {
      asked++;
      gone.abort();
      return key;
    };
    const places = new KeyPlaces({ probe, newResolve: () => resolve });
    const words = ["a", "b", "c"].map((written) => ({ written, cwd: "/" }));
    await places.lookUp({ words, scopes: new Set() }, gone.signal);
    expect(asked).toBe(1);
  });
});

test("a bug in looking up keys refuses the request that met it, and the daemon goes on", async () => {
  using place = scratch();
  using service = new TestService();
  const logged: string[] = [];
  const log = createLog({ write: (line) => logged.push(line), reopen: () => undefined });
  const places = new KeyPlaces({
    probe: new CaseProbe("/"),
    newResolve: () => {
      throw new Error("a bug");
    },
  });
  const server = new Server(service.dispatcher, places, service.settings, log);
  const path = join(place.path, "socket");
  server.listen(path);
  using lines = await LineClient.connect(path);
  const refused = await lines.ask("AcquireResourceLock", { resource_key: "x", cwd: "/" });
  expect(refused.error?.data.kind).toBe("INTERNAL");
  expect(logged.join("")).toContain("a bug");
  expect((await lines.ask("Health")).error).toBeUndefined();
  await server.drain(0);
  server.unlink();
});

describe("whether case counts in a scope", () => {
  /** A file system in which some directories' names may be written in either case. */
  const files = (ignoring: string, existing: readonly string[]) => async (path: string) =>
    existing.find(
      (name) => name === path || (name.startsWith(ignoring) && name.toLowerCase() === path.toLowerCase()),
    ) ?? null;

  test.each([
    ["/Vol/repo/.git", true],
    ["/Vol/repo/not/yet/.git", true],
    ["/srv/repo/.git", false],
    ["/9/.git", false],
    ["name", false],
  ])("is learned from the nearest directory with a letter in its name: %s", async (of, expected) => {
    const probe = new CaseProbe(
      "/",
      files("/Vol", ["/", "/Vol", "/Vol/repo", "/srv", "/srv/repo", "/srv/repo/.git", "/9"]),
    );
    if (probe.isNew(of)) await probe.learn(of, { giveUp: waiting, budget: new WorkBudget(100) });
    expect(probe.ignoresCase(of)).toBe(expected);
    expect(probe.isNew(of)).toBe(false);
  });

  test("is not asked for ever: not of a path without end, nor of more than a request may cost", async () => {
    let asked = 0;
    const probe = new CaseProbe("/", async () => {
      asked++;
      return null;
    });
    const budget = new WorkBudget(limits.resolutionStepsMax);
    const endless = "/a".repeat(limits.scopeCharsMax);
    await probe.learn(endless, { giveUp: waiting, budget });
    expect(asked).toBeLessThan(1_000);
    expect(probe.isNew(endless)).toBe(false);
    for (let n = 0; !budget.isSpent; n++) await probe.learn(`${endless}${n}`, { giveUp: waiting, budget });
    expect(asked).toBeLessThanOrEqual(limits.resolutionStepsMax);
  });

  test("is not asked once nobody waits", async () => {
    const gone = new AbortController();
    let asked = 0;
    const probe = new CaseProbe("/", async () => {
      asked++;
      gone.abort();
      return null;
    });
    await probe.learn("/a/b/c", { giveUp: gone.signal, budget: new WorkBudget(100) });
    expect(asked).toBe(1);
    expect(probe.isNew("/a/b/c")).toBe(true);
  });

  test("is asked of one scope at a time where no request names it", async () => {
    let asked = 0;
    const probe = new CaseProbe("/", () => {
      asked++;
      return new Promise<never>(() => {});
    });
    for (let n = 0; n < 10; n++) {
      for (const of of ["/hangs/a", "/hangs/b"]) probe.ignoresCase(of);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(asked).toBe(1);
  });
});
