import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freshBinary } from "../../scripts/demo/binary.ts";
import { Chance } from "../../scripts/prove/chance.ts";
import { type Daemon, launch } from "../../scripts/prove/daemon.ts";
import { Place } from "../../scripts/prove/place.ts";
import { Disk } from "../../scripts/prove/power-loss/disk.ts";
import { type Operation, readRecording, suffixes } from "../../scripts/prove/power-loss/recording.ts";
import { buildShim, type Fault, FaultControl, underShim } from "../../scripts/prove/shim.ts";
import { Wire } from "../../scripts/prove/wire.ts";
import type { Answer } from "../../scripts/prove/workload.ts";
import { lacks } from "./needs.ts";

/** The binary may have to be built. */
setDefaultTimeout(60_000);

const skipped = lacks("what the shim sees of a daemon", "cc");
const place = new Place("shim-test");
afterAll(() => place[Symbol.dispose]());
const shim = skipped ? "" : await buildShim(place.path);

/** A daemon under the shim, and a client of it. */
interface Watched extends AsyncDisposable {
  daemon: Daemon;
  database: string;
  recording: string;
  fault: FaultControl;
  ask(method: string, params?: unknown): Promise<Answer>;
}

let watched = 0;

async function watch(): Promise<Watched> {
  const home = join(place.path, `home-${++watched}`);
  const database = join(home, "agent_state.db");
  const recording = `${home}.recording`;
  const fault = new FaultControl(`${home}.fault`);
  const environment = underShim(shim, { database, recording, fault: fault.path });
  const daemon = launch([await freshBinary()], home, environment);
  expect(await daemon.started).toEqual({ serves: true, words: "" });
  const wire = await Wire.connect(daemon.socket);
  return {
    daemon,
    database,
    recording,
    fault,
    async ask(method, params = {}) {
      return JSON.parse((await wire?.ask([JSON.stringify({ method, params })])[0]) ?? "{}") as Answer;
    },
    async [Symbol.asyncDispose]() {
      wire?.[Symbol.dispose]();
      await daemon[Symbol.asyncDispose]();
    },
  };
}

const operationsIn = ({ recording }: Watched): Operation[] => readRecording(readFileSync(recording));

describe.skipIf(skipped)("the shim", () => {
  test("sees what the runtime does past SQLite and libc", async () => {
    const database = join(place.path, "written");
    const recording = `${database}.recording`;
    const program = `
      const { openSync, writeSync, fsyncSync, ftruncateSync } = require("node:fs");
      const fd = openSync("${database}", "r+");
      writeSync(fd, Buffer.from("hello"), 0, 5, 7);
      fsyncSync(fd);
      ftruncateSync(fd, 9);`;
    writeFileSync(database, "");
    const env = { ...process.env, ...underShim(shim, { database, recording }) };
    expect(await Bun.spawn([process.execPath, "-e", program], { env, stderr: "inherit" }).exited).toBe(0);
    expect(readRecording(readFileSync(recording))).toMatchObject([
      { kind: "write", file: 0, offset: 7, data: Buffer.from("hello") },
      { kind: "sync", file: 0 },
      { kind: "truncate", file: 0, size: 9 },
    ]);
  });

  test.each(["SIGKILL", "SIGTERM"] as const)(
    "sees every change: after %s its recording gives the very files",
    async (signal) => {
      await using daemon = await watch();
      for (let n = 0; n < 20; n++) await daemon.ask("RegisterTask", { goal: "x".repeat(1_000 * n) });
      await daemon.ask("Backup", { path: `${daemon.database}.copy` });
      await daemon.ask("RegisterTask", { goal: "after the log was cut off" });
      await daemon.daemon.end(signal);
      const disk = new Disk();
      for (const operation of operationsIn(daemon)) disk.apply(operation);
      const files = suffixes.map((suffix) => {
        const path = `${daemon.database}${suffix}`;
        return existsSync(path) ? readFileSync(path) : null;
      });
      const image = disk.image("kept", new Chance(0));
      expect(image.map((bytes) => bytes?.length)).toEqual(files.map((bytes) => bytes?.length));
      expect(image.map((bytes, file) => bytes !== null && files[file]?.equals(bytes))).toEqual(
        files.map((bytes) => bytes !== null),
      );
    },
  );

  test("sees that every acknowledged write was synced before its answer left", async () => {
    await using daemon = await watch();
    for (let n = 0; n < 20; n++) {
      const before = statSync(daemon.recording).size;
      await daemon.ask("RegisterTask", { goal: "a goal" });
      const done = operationsIn(daemon).filter(({ end }) => end > before);
      expect(done.map(({ kind }) => kind).at(-1)).toBe("sync");
      expect(done.filter(({ kind }) => kind === "write").length).toBeGreaterThan(0);
    }
  });

  test.each<[Fault, string]>([
    [{ operation: "write", error: "EIO", nth: 1, forGood: false }, "OUTCOME_UNKNOWN"],
    [{ operation: "write", error: "ENOSPC", nth: 1, forGood: false }, "STORAGE_FULL"],
    [{ operation: "sync", error: "EIO", nth: 1, forGood: false }, "OUTCOME_UNKNOWN"],
  ])("makes just the wanted operation fail: %o", async (fault, kind) => {
    await using daemon = await watch();
    expect((await daemon.ask("RegisterTask", { goal: "before" })).error).toBeUndefined();
    daemon.fault.arm(fault);
    expect((await daemon.ask("RegisterTask", { goal: "fails" })).error?.data.kind).toBe(kind);
    expect(daemon.fault.struck).toBe(1);
    expect((await daemon.ask("RegisterTask", { goal: "after" })).error).toBeUndefined();
  });

  test("makes all that follow fail too, until the fault is lifted", async () => {
    await using daemon = await watch();
    daemon.fault.arm({ operation: "sync", error: "EIO", nth: 1, forGood: true });
    for (let n = 0; n < 3; n++) expect((await daemon.ask("RegisterTask", { goal: "fails" })).error).toBeDefined();
    daemon.fault.lift();
    expect((await daemon.ask("RegisterTask", { goal: "works" })).error).toBeUndefined();
  });
});
