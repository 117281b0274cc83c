import { join } from "node:path";
import { isUsable } from "../programs.ts";
import { firstLine } from "./first-line.ts";

/** A worker that runs in a process group of its own, so that it and its children can be stopped or killed at once. */
export interface Worker {
  name: string;
  pid: number;
  exited: Promise<number>;
  /** Tells it which task to work on. */
  begin(taskId: string): void;
  /** Signals the whole group; nothing happens when it is gone. */
  signal(signal: NodeJS.Signals): void;
}

interface Program {
  name: string;
  command: string[];
  environment?: Record<string, string>;
}

const script = (name: string) => join(import.meta.dir, name);

/** Three programs that share no code, as far as this machine can run them; what is missing is said and replaced. */
export function choosePrograms(): Program[] {
  const node = Bun.which("node") ?? process.execPath;
  const javascript = (name: string): Program => ({ name, command: [node, script("worker.mjs")] });
  return [
    has("python3", "a second JavaScript worker takes its place")
      ? { name: "python", command: ["python3", script("worker.py")] }
      : javascript("node-2"),
    javascript("node"),
    has("nc", "the shell worker uses the agentd command instead")
      ? { name: "shell", command: ["sh", script("worker.sh")] }
      : { name: "shell", command: ["sh", script("worker.sh")], environment: { AGENTD_CLIENT: "agentd" } },
  ];
}

function has(program: string, otherwise: string): boolean {
  if (isUsable(program)) return true;
  console.log(`${program} cannot be used here: ${otherwise}`);
  return false;
}

/** Starts a worker and returns at once; `ready` resolves when it waits for its task. */
export function startWorker(
  { name, command, environment }: Program,
  cwd: string,
  common: Record<string, string | undefined>,
): { worker: Worker; ready: Promise<void> } {
  const child = Bun.spawn(command, {
    cwd,
    env: { ...common, ...environment, WORKER: name },
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const worker: Worker = {
    name,
    pid: child.pid,
    exited: child.exited,
    begin(taskId) {
      void child.stdin.write(`${taskId}\n`);
      void child.stdin.end();
    },
    signal: (signal) => signalGroup(child.pid, signal),
  };
  return { worker, ready: untilReady(name, child.stdout) };
}

async function untilReady(name: string, stdout: ReadableStream<Uint8Array>): Promise<void> {
  if ((await firstLine(stdout)) !== "ready\n") throw new Error(`worker ${name} ended before it was ready`);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ESRCH") throw cause;
  }
}
