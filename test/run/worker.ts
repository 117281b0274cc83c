import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ParamsInput } from "../../src/protocol/methods.ts";
import { type AcquiredNode, oneNode } from "../../src/protocol/methods/nodes.ts";
import { program, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** How an `agentd run` ended, with the lines of its `--json`. */
export interface Ran {
  exit: number | null;
  signal: string | null;
  finished: Record<string, unknown>[];
  err: string;
}

/** An `agentd run` at work. */
export interface Worker {
  pid: number;
  ended: Promise<Ran>;
  kill(signal: NodeJS.Signals): void;
}

/** A daemon, a directory for the commands to leave their marks in, and workers. */
export interface Workshop extends AsyncDisposable {
  daemon: TestDaemon;
  directory: string;
  /** Registers a task whose nodes depend on each other as named; gives its id. */
  task(nodes?: Record<string, string[]>): Promise<string>;
  /** Takes a node as another worker would. */
  take(params: ParamsInput<"AcquireNextNode">): Promise<AcquiredNode>;
  /** Starts `agentd run --json`, which runs a shell script in the workshop's directory; for any task when null. */
  work(task: string | null, options: readonly string[], script: string): Worker;
  node(task: string): Promise<Record<string, unknown>>;
  /** Waits for a file and gives the numbers in it. */
  numbers(name: string, count: number): Promise<number[]>;
}

export async function workshop(): Promise<Workshop> {
  const daemon = await startDaemon();
  const directory = await mkdtemp(join(tmpdir(), "agentd-workshop-"));
  const workers: Bun.Subprocess[] = [];
  const { client } = daemon;
  return {
    daemon,
    directory,
    async task(nodes = { only: [] }) {
      const ids = new Map(Object.keys(nodes).map((name) => [name, crypto.randomUUID()]));
      const initial_nodes = Object.entries(nodes).map(([name, after]) => ({
        id: ids.get(name),
        dependencies: after.map((other) => ids.get(other) ?? ""),
        payload_schema: { name },
      }));
      return (await client.call("RegisterTask", { goal: "g", initial_nodes })).task_id;
    },
    async take(params) {
      const node = oneNode(await client.call("AcquireNextNode", params));
      if (node === null) throw new Error("there is nothing to take");
      return node;
    },
    work(task, options, script) {
      const words = ["run", ...(task === null ? [] : ["--task", task]), "--json", ...options, "--", "sh", "-c", script];
      const child = Bun.spawn([...program, ...words], {
        cwd: directory,
        env: { ...process.env, AGENTD_HOME: daemon.path },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      workers.push(child);
      return { pid: child.pid, ended: ended(child), kill: (signal) => child.kill(signal) };
    },
    async node(task) {
      return { ...(await client.call("TaskStatus", { task_id: task })).nodes[0] };
    },
    async numbers(name, count) {
      const path = join(directory, name);
      const read = () => (existsSync(path) ? readFileSync(path, "utf8").split(/\s+/).filter(Boolean).map(Number) : []);
      await until(() => read().length >= count);
      return read();
    },
    async [Symbol.asyncDispose]() {
      for (const worker of workers) worker.kill("SIGKILL");
      await daemon[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function ended(child: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<Ran> {
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  const lines = out.split("\n").filter((line) => line !== "");
  return {
    exit: child.exitCode,
    signal: child.signalCode === null ? null : String(child.signalCode),
    finished: lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    err,
  };
}

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await Bun.sleep(10);
}

/** Whether a process runs; a zombie does not. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** Waits until none of the processes runs. */
export async function gone(...pids: number[]): Promise<void> {
  await until(() => !pids.some(runs));
}
