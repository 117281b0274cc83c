import { describe, expect, test } from "bun:test";
import { Client } from "../../../src/client/client.ts";
import { startDaemon, type TestDaemon } from "../../support/daemon.ts";
import { runInTerminal } from "../../support/terminal.ts";

const owners = ["codex-1", "claude-code-of-somebody-with-a-name-1", "日本語の作業者"];
const waiter = "gemini-who-waits";
const idleTasks = 60;

/** Running nodes in tasks that are older than dozens of idle ones, and locks that others wait for. */
async function busy(daemon: TestDaemon, waiting: TestDaemon["client"]): Promise<void> {
  for (const [index, owner] of owners.entries()) {
    const initial_nodes = [{ name: `node-${index}`, payload_schema: {} }, {}];
    const { task_id } = await daemon.client.call("RegisterTask", { goal: `busy ${index}`, initial_nodes });
    await daemon.client.call("AcquireNextNode", { task_id, lease_owner: owner, ttl_secs: 1_000 + index });
    const resource_key = `file:src/${"deep/".repeat(20)}${index}.rs`;
    await daemon.client.call("AcquireResourceLock", { resource_key, owner, ttl_secs: 1_000 + index });
    if (index > 0) continue;
    void waiting
      .call("AcquireResourceLocks", { locks: [{ resource_key }], owner: waiter, wait_ms: 600_000 })
      .catch(() => undefined);
  }
  const locksWaiting = async () =>
    (await daemon.client.call("ListResourceLocks", {})).locks.reduce((sum, lock) => sum + lock.waiting, 0);
  while ((await locksWaiting()) === 0);
  for (let n = 0; n < idleTasks; n++)
    await daemon.client.call("RegisterTask", { goal: `idle ${n}`, initial_nodes: [{}] });
}

/** The rows of a panel, without its title. */
function panel(screen: readonly string[], title: string): string[] {
  const from = screen.findIndex((line) => line.startsWith(title));
  const end = screen.indexOf("", from);
  return screen.slice(from + 1, end === -1 ? undefined : end);
}

describe.each([80, 120, 200])("on a screen of %d columns", (columns) => {
  test("the counts are the daemon's, running work comes first, and no owner, waiter or last column is lost", async () => {
    await using daemon = await startDaemon();
    using other = await Client.connect(daemon.socket);
    await busy(daemon, other);
    const { database } = await daemon.client.call("Metrics", {});
    const { locks } = await daemon.client.call("ListResourceLocks", {});
    const { nodes, total } = await daemon.client.call("ListRunningNodes", {});

    const watch = runInTerminal(daemon, ["watch"], { columns, rows: 40 });
    await watch.shows("LEASES");
    await watch.shows("EVENTS");
    const screen = watch.screen();
    const waiting = locks.reduce((sum, lock) => sum + lock.waiting, 0);
    expect([database.total_tasks, total, locks.length, waiting]).toEqual([owners.length + idleTasks, 3, 3, 1]);
    expect(screen[0]).toMatch(
      new RegExp(
        `^agentd watch +${database.total_tasks} tasks, ${total} running, ${locks.length} locks, ${waiting} waiting  \\d\\d:\\d\\d:\\d\\d$`,
      ),
    );
    expect(Bun.stringWidth(screen[0] ?? "")).toBe(columns);
    expect(screen.find((line) => line.startsWith("TASKS"))).toEndWith(` of ${database.total_tasks}`);

    const rows = panel(screen, "TASKS");
    expect(rows.slice(0, owners.length).map((row) => /busy \d/.exec(row)?.[0])).toEqual(["busy 2", "busy 1", "busy 0"]);
    const leases = panel(screen, "LEASES");
    expect(leases).toHaveLength(total);
    for (const [index, { lease_owner, name, id }] of nodes.entries()) {
      for (const part of [lease_owner, name, id.slice(0, 8)]) expect(leases[index]).toContain(part ?? "nobody");
    }
    const held = panel(screen, "LOCKS");
    expect(held).toHaveLength(locks.length);
    for (const { owner, waiting: behind } of locks) {
      const row = held.find((line) => line.includes(owner));
      expect(row).toBeDefined();
      if (behind > 0) expect(row).toContain(columns < 120 ? "1 waiting: gem" : `1 waiting: ${waiter}`);
    }

    watch.type("q");
    expect(await watch.ended).toBe(0);
  });
});
