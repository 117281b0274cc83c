import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freshBinary } from "../../scripts/demo/binary.ts";
import { Chance } from "../../scripts/prove/chance.ts";
import { type Daemon, launch } from "../../scripts/prove/daemon.ts";
import { Place } from "../../scripts/prove/place.ts";
import { Disk, writeImage } from "../../scripts/prove/power-loss/disk.ts";
import { headIn } from "../../scripts/prove/power-loss/judge.ts";
import { readRecording } from "../../scripts/prove/power-loss/recording.ts";
import { buildShim, FaultControl, underShim } from "../../scripts/prove/shim.ts";
import { Wire } from "../../scripts/prove/wire.ts";
import type { Answer } from "../../scripts/prove/workload.ts";
import { lacks } from "./needs.ts";

/** The binary may have to be built. */
setDefaultTimeout(60_000);

const skipped = lacks("what is left after syncs that failed", "cc");
const place = new Place("failed-sync-test");
afterAll(() => place[Symbol.dispose]());
const shim = skipped ? "" : await buildShim(place.path);

async function ask({ socket }: Daemon, method: string, params: object): Promise<Answer> {
  using wire = await Wire.connect(socket);
  return JSON.parse((await wire?.ask([JSON.stringify({ method, params })])[0]) ?? "{}") as Answer;
}

/** The answer to a write: its seq, or what it failed with. */
async function write(daemon: Daemon, goal: string): Promise<unknown> {
  const { result, error } = await ask(daemon, "RegisterTask", { goal });
  return result?.seq ?? error?.data.kind;
}

/** A home, and how to start a daemon at it whose syncs fail when told to. */
async function stage(name: string) {
  const home = join(place.path, name);
  const recording = `${home}.recording`;
  const fault = new FaultControl(`${home}.fault`);
  const environment = underShim(shim, { database: join(home, "agent_state.db"), recording, fault: fault.path });
  const program = [await freshBinary()];
  const start = async () => {
    const daemon = launch(program, home, environment);
    expect(await daemon.started).toEqual({ serves: true, words: "" });
    return daemon;
  };
  return { recording, fault, start };
}

const syncsFail = { operation: "sync", error: "EIO", nth: 1, forGood: true } as const;

describe.skipIf(skipped)("a write that was acknowledged after syncs had failed is there after a power loss", () => {
  test.each<[string, "SIGKILL" | "SIGTERM" | null]>([
    ["once they work again", null],
    ["and the daemon was killed", "SIGKILL"],
    ["and the daemon was stopped", "SIGTERM"],
  ])("%s", async (name, signal) => {
    const { recording, fault, start } = await stage(name);
    await using first = await start();
    expect(await write(first, "before")).toBe(1);
    fault.arm(syncsFail);
    expect(await write(first, "in question")).toBe("OUTCOME_UNKNOWN");
    if (signal !== null) await first.end(signal);
    fault.lift();
    await using second = signal === null ? first : await start();
    const seq = await write(second, "acknowledged");

    const disk = new Disk();
    for (const operation of readRecording(readFileSync(recording))) disk.apply(operation);
    const image = join(place.path, "image.db");
    writeImage(image, disk.image("dropped", new Chance(0)));
    expect(headIn(image).seq).toBe(Number(seq));
  });
});

describe.skipIf(skipped)("a log that was found and cannot be synced", () => {
  test("is read, and nothing is written after it until it can", async () => {
    const { fault, start } = await stage("found");
    const killed = await start();
    expect(await write(killed, "before")).toBe(1);
    await killed.end("SIGKILL");
    await using daemon = await start();
    fault.arm(syncsFail);
    for (let n = 0; n < 3; n++) {
      expect(await write(daemon, "too early")).toBe("STORAGE_FAILED");
      expect((await ask(daemon, "ListTasks", {})).result?.tasks).toMatchObject([{ goal: "before" }]);
    }
    fault.lift();
    expect(await write(daemon, "after")).toBe(2);
  });
});
