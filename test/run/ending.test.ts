import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Client } from "../../src/client/client.ts";
import { gone, runs, until, workshop, type Workshop } from "./worker.ts";

setDefaultTimeout(30_000);

let shop: Workshop;
beforeAll(async () => void (shop = await workshop()));
afterAll(() => shop[Symbol.asyncDispose]());

/** A command with a child and an orphaned grandchild; writes the three ids to `pids`, and ends with its child. */
const family = (pids: string) => `(sleep 1000 & echo $! >> ${pids}); sleep 1000 & echo $! $$ >> ${pids}; wait`;
const stubborn = (pids: string) => `trap '' TERM; ${family(pids)}`;

/** The guard of a worker's command: its only child. */
const guardOf = (pid: number) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());

describe("nothing of a command runs on unseen", () => {
  test.each([
    ["that obeys SIGTERM", family, "1h"],
    ["that ignores it, after the grace time", stubborn, "1s"],
  ])("after kill -9 of its worker, of a command %s", async (_which, script, grace) => {
    const task = await shop.task();
    const name = `orphans-${grace}`;
    const worker = shop.work(task, ["--grace", grace], script(name));
    const pids = await shop.numbers(name, 3);
    expect(pids.every(runs)).toBe(true);
    worker.kill("SIGKILL");
    await gone(...pids);
  });

  test.if(process.platform === "linux")("after kill -9 of its guard", async () => {
    const task = await shop.task();
    const worker = shop.work(task, [], family("unguarded"));
    const pids = await shop.numbers("unguarded", 3);
    process.kill(guardOf(worker.pid), "SIGKILL");
    const ran = await worker.ended;
    expect(ran.exit).toBe(5);
    expect(pids.filter(runs)).toEqual([]);
  });

  test("when it ended and left children behind", async () => {
    const task = await shop.task();
    const worker = shop.work(
      task,
      ["--grace", "0"],
      `(trap '' TERM; sleep 1000 & echo $! > left; sleep 1000) & sleep 0.2; echo 1`,
    );
    const left = await shop.numbers("left", 1);
    expect(await worker.ended).toMatchObject({ exit: 0 });
    expect(left.filter(runs)).toEqual([]);
    expect(await shop.node(task)).toMatchObject({ status: "COMPLETED", result_payload: 1 });
  });

  test.if(process.platform === "linux")("also what has a process group of its own", async () => {
    const task = await shop.task();
    const worker = shop.work(task, [], `bash -c "set -m; sleep 1000 & echo \\$! > job"`);
    const job = await shop.numbers("job", 1);
    expect(await worker.ended).toMatchObject({ exit: 0 });
    expect(job.filter(runs)).toEqual([]);
  });
});

describe("the lease", () => {
  test("is renewed while the command runs", async () => {
    const task = await shop.task();
    const worker = shop.work(task, ["--ttl", "1"], "until [ -e enough ]; do sleep 0.01; done");
    await until(async () => (await shop.node(task)).status === "RUNNING");
    const { lease_expires_at_ms: first, lease_id } = await shop.node(task);
    // Beyond what one renewal gives.
    await until(async () => Number((await shop.node(task)).lease_expires_at_ms) > Number(first) + 1_000);
    expect(await shop.node(task)).toMatchObject({ lease_id });
    await Bun.write(`${shop.directory}/enough`, "");
    expect(await worker.ended).toMatchObject({ exit: 0, finished: [{ lease_id, outcome: "COMPLETED" }] });
  });

  test("lost while the worker was stopped ends the command, and nothing of it counts", async () => {
    const task = await shop.task();
    const worker = shop.work(task, ["--ttl", "1"], family("lost"));
    const pids = await shop.numbers("lost", 3);
    worker.kill("SIGSTOP");
    const taken = await shop.take({ task_id: task, lease_owner: "next", wait_ms: 20_000 });
    expect(pids.every(runs)).toBe(true);
    worker.kill("SIGCONT");
    const ran = await worker.ended;
    expect(ran).toMatchObject({ exit: 1, finished: [{ outcome: "LEASE_LOST" }] });
    expect(String(ran.finished[0]?.reason)).toContain('"next" holds it');
    expect(pids.filter(runs)).toEqual([]);
    expect(await shop.node(task)).toMatchObject({ status: "RUNNING", lease_id: taken.lease_id });
  });

  test("that was canceled ends the command at once, however long it would have run", async () => {
    const task = await shop.task();
    const worker = shop.work(task, ["--ttl", "1h", "--all"], family("canceled"));
    const pids = await shop.numbers("canceled", 3);
    await shop.daemon.client.call("CancelTask", { task_id: task, reason: "changed our minds" });
    const ran = await worker.ended;
    expect(ran).toMatchObject({ exit: 1, finished: [{ outcome: "LEASE_LOST" }] });
    expect(String(ran.finished[0]?.reason)).toContain("its task was canceled");
    expect(pids.filter(runs)).toEqual([]);
  });

  test("and the command outlive a restart of the daemon", async () => {
    await using own = await workshop();
    const task = await own.task();
    const worker = own.work(task, ["--ttl", "1"], "touch begun; until [ -e enough ]; do sleep 0.01; done; echo 1");
    await until(() => Bun.file(`${own.directory}/begun`).exists());
    expect(await own.daemon.agentd(["restart"])).toMatchObject({ exit: 0 });
    using client = await Client.connect(own.daemon.socket);
    const expiry = async () => (await client.call("TaskStatus", { task_id: task })).nodes[0]?.lease_expires_at_ms ?? 0;
    const restarted = await expiry();
    await until(async () => (await expiry()) > restarted + 1_000);
    await Bun.write(`${own.directory}/enough`, "");
    expect(await worker.ended).toMatchObject({ exit: 0, finished: [{ outcome: "COMPLETED" }] });
  });

  test("outlives a sleep of the machine that is longer than its time", async () => {
    await using own = await workshop();
    const task = await own.task();
    const worker = own.work(task, ["--ttl", "1"], "touch begun; until [ -e enough ]; do sleep 0.01; done; echo 1");
    await until(() => Bun.file(`${own.directory}/begun`).exists());
    const { pid } = await own.daemon.client.call("Health", {});
    const { lease_id } = await own.node(task);
    worker.kill("SIGSTOP");
    process.kill(pid, "SIGSTOP");
    await Bun.sleep(2_500);
    process.kill(pid, "SIGCONT");
    worker.kill("SIGCONT");
    const { lease_expires_at_ms } = await own.node(task);
    await until(async () => Number((await own.node(task)).lease_expires_at_ms) > Number(lease_expires_at_ms));
    await Bun.write(`${own.directory}/enough`, "");
    expect(await worker.ended).toMatchObject({ exit: 0, finished: [{ lease_id, outcome: "COMPLETED" }] });
  });
});

describe("an interrupted worker", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "ends its command and releases its node on %s",
    async (signal) => {
      const task = await shop.task();
      const worker = shop.work(task, ["--all"], family(signal));
      const pids = await shop.numbers(signal, 3);
      worker.kill(signal);
      // The signal is what it dies of, so that a shell's loop around it ends, too.
      expect(await worker.ended).toMatchObject({ signal, finished: [{ outcome: "RELEASED", reason: "interrupted" }] });
      expect(pids.filter(runs)).toEqual([]);
      expect(await shop.node(task)).toMatchObject({ status: "PENDING" });
    },
  );

  test("kills its command when it is interrupted again", async () => {
    const task = await shop.task();
    const worker = shop.work(
      task,
      ["--grace", "1h"],
      `trap 'touch asked' TERM; ${family("twice")}; while :; do sleep 0.01; done`,
    );
    await shop.numbers("twice", 3);
    worker.kill("SIGINT");
    await until(() => Bun.file(`${shop.directory}/asked`).exists());
    worker.kill("SIGINT");
    expect(await worker.ended).toMatchObject({
      signal: "SIGINT",
      finished: [{ outcome: "RELEASED", signal: "SIGKILL" }],
    });
  });

  test("that waits for a node just ends", async () => {
    const task = await shop.task();
    await shop.take({ task_id: task });
    const attempts = async () => (await shop.daemon.client.call("Metrics", {})).runtime.acquire_attempts;
    const before = await attempts();
    const worker = shop.work(task, [], ":");
    await until(async () => (await attempts()) > before);
    worker.kill("SIGINT");
    expect(await worker.ended).toMatchObject({ signal: "SIGINT", finished: [], err: "" });
  });

  test("releases the node also when its command ends well after SIGTERM", async () => {
    const task = await shop.task();
    const worker = shop.work(task, [], `trap 'echo 1; exit 0' TERM; touch ready; while :; do sleep 0.01; done`);
    await until(() => Bun.file(`${shop.directory}/ready`).exists());
    worker.kill("SIGTERM");
    // A command that was told to end did not end by itself, whatever its status says.
    expect(await worker.ended).toMatchObject({ finished: [{ outcome: "RELEASED", exit_code: 0 }] });
  });
});
