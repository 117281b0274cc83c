import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { MergeReport } from "../../src/cli/bundle/merge/report.ts";
import { gitIdentity } from "../guard/world.ts";
import { ownEnvironment, program, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { bundleWorld, edited, tenLines, type World } from "./world.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const files = { "a.txt": tenLines, "b.txt": tenLines };

/** Starts a command without waiting for it. */
function start(world: World, ...words: string[]) {
  return Bun.spawn([...program, ...words], {
    cwd: world.top,
    env: { ...ownEnvironment(), ...gitIdentity, TMPDIR: world.temporary, AGENTD_HOME: daemon.path },
    stdio: ["ignore", "ignore", "ignore"],
  });
}

/** A verification that says where it runs, and by which process, and then stays. */
const staying = (world: World) => `echo $$ > '${join(world.top, "..", "pid")}'; exec sleep 600`;

async function pidOf(world: World): Promise<number> {
  const path = join(world.top, "..", "pid");
  while (!existsSync(path) || (await Bun.file(path).text()) === "") await Bun.sleep(5);
  return Number(await Bun.file(path).text());
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const withoutTemporary = async (world: World) => {
  const left = await readdir(world.temporary);
  return left.reduce((trace, name) => trace.replace(`${name}\n`, ""), await world.trace());
};

describe("agentd bundle merge that is interrupted in a verification", () => {
  test.each(["SIGKILL", "SIGINT", "SIGTERM"] as const)("by %s leaves the repository as it was", async (signal) => {
    await using world = await bundleWorld(daemon, files);
    const ann = await world.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    const before = await world.trace();
    const child = start(world, "bundle", "merge", "--onto", "main", "--verify", staying(world));
    const verifying = await pidOf(world);
    child.kill(signal);
    await child.exited;
    expect(child.signalCode).toBe(signal);
    while (isAlive(verifying)) await Bun.sleep(5);
    if (signal !== "SIGKILL") expect(await world.trace()).toBe(before);
    expect(await withoutTemporary(world)).toBe(before);

    const report = await world.json<MergeReport>(["bundle", "merge", "--onto", "main", "--branch", "merged"]);
    expect(report.bundles).toMatchObject([{ bundle_id: ann, outcome: "accepted" }]);
    await world.git(["branch", "-q", "-D", "merged"]);
    expect(await world.trace()).toBe(before);
  });
});

describe("agentd bundle merge that is killed between its branch and its decisions", () => {
  /** Merges until the branch is there while the daemon does not answer, and kills the merge then. */
  async function killedMerge(world: World): Promise<void> {
    const { pid } = await daemon.json<{ pid: number }>("status");
    const child = start(
      world,
      "bundle",
      "merge",
      "--onto",
      "main",
      "--branch",
      "merged",
      "--verify",
      `kill -STOP ${pid}`,
    );
    try {
      while ((await world.git(["branch", "--list", "merged"])) === "") await Bun.sleep(5);
      child.kill("SIGKILL");
      await child.exited;
    } finally {
      process.kill(pid, "SIGCONT");
    }
  }

  async function conflictingWorld(): Promise<{ world: World; ann: string; bob: string }> {
    const world = await bundleWorld(daemon, files);
    const sure = { confidence: "high" } as const;
    const ann = await world.submit("ann", { "a.txt": edited({ 1: "ann" }) }, sure);
    return { world, ann, bob: await world.submit("bob", { "a.txt": edited({ 1: "bob" }) }) };
  }
  const decisionOf = async (bundle_id: string) => {
    const { bundle } = await daemon.client.call("GetPatchBundle", { bundle_id });
    return { status: bundle.status, merged: bundle.decision?.merged_revision ?? null };
  };

  test("is completed by the next run: what it decided is recorded, once", async () => {
    const { world, ann, bob } = await conflictingWorld();
    await using _world = world;
    await killedMerge(world);
    const merged = (await world.git(["rev-parse", "merged"])).trim();
    expect(await readdir(join(world.top, ".git/agentd-merge"))).toHaveLength(1);
    const ran = await world.agentd(["bundle", "merge", "--onto", "main", "--branch", "merged"]);
    expect(ran.exit).toBe(0);
    expect(ran.err).toContain("2 decisions of a merge that was interrupted are recorded now");
    expect(ran.out).toStartWith("nothing was merged onto main");
    expect(await decisionOf(ann)).toEqual({ status: "ACCEPTED", merged });
    expect(await decisionOf(bob)).toEqual({ status: "REJECTED", merged: null });
    expect(existsSync(join(world.top, ".git/agentd-merge"))).toBe(false);
    expect(await readdir(world.temporary)).toEqual([]);
  });

  test("is forgotten by the next run where its branch is gone", async () => {
    const { world, bob } = await conflictingWorld();
    await using _world = world;
    await killedMerge(world);
    await world.git(["branch", "-q", "-D", "merged"]);
    const ran = await world.agentd(["bundle", "merge", "--onto", "main", bob]);
    expect(ran.err).not.toContain("interrupted");
    expect(ran.out).toStartWith("1 of 1 bundles merged onto main");
    expect((await decisionOf(bob)).status).toBe("ACCEPTED");
    expect(existsSync(join(world.top, ".git/agentd-merge"))).toBe(false);
  });
});

test("a bundle is not submitted when its creation is interrupted", async () => {
  await using world = await bundleWorld(daemon, files);
  await world.write({ "a.txt": edited({ 1: "ann" }) });
  const before = await world.trace();
  const child = start(world, "bundle", "create", "--verify", staying(world));
  const verifying = await pidOf(world);
  child.kill("SIGINT");
  await child.exited;
  while (isAlive(verifying)) await Bun.sleep(5);
  expect(await world.trace()).toBe(before);
  expect(await world.json<object>(["bundle", "list"])).toEqual({ bundles: [] });
});
