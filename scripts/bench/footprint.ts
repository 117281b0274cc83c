import type { OwnDaemon } from "../demo/daemon.ts";
import { compile, generate } from "./programs.ts";
import { atMost, type Figure, millis, thousands } from "./report.ts";
import type { Pace, Stage } from "./stage.ts";
import { median } from "./statistics.ts";
import { commitEventLine } from "./throughput.ts";
import { type Usage, usageOf } from "./usage.ts";

/** Requests after which memory is looked at again. */
const requests = 100_000;

/**
 * Memory and processor time of a daemon nobody has used since it started, and its memory after it was used. Bun looks
 * at its heap once a second in a process's first half minute, so the daemon should have been left alone for that long.
 */
export async function measureIdle({ pid, client, socket }: OwnDaemon, { idleMs }: Pace): Promise<Figure[]> {
  const before = usageOf(pid);
  await Bun.sleep(idleMs);
  const idle = usageOf(pid);
  const percent = ((idle.processorMs - before.processorMs) / idleMs) * 100;
  const line = await commitEventLine(client);
  const until = { warmUpMs: 0, measureMs: 60_000, operationsMax: requests };
  await generate({ socket, clients: 64, ...until, work: { kind: "repeat", line } });
  const used = usageOf(pid);
  await Bun.sleep(idleMs);
  const rested = usageOf(pid);
  return [
    { name: "idle: processor", value: `${percent.toFixed(1)} %`, number: percent, wanted: atMost(0) },
    { name: "idle: memory", ...memory(idle), wanted: atMost(40) },
    { name: `memory after ${thousands(requests)} requests`, ...memory(used), wanted: atMost(60) },
    { name: `the same, ${idleMs / 1000} s later`, ...memory(rested), wanted: atMost(60) },
  ];
}

function memory({ rssMb, ownMb }: Usage) {
  return { value: `${rssMb.toFixed(1)} MB, ${ownMb.toFixed(1)} of it not the executable's`, number: rssMb };
}

/** A command that asks a running daemon, and two that ask nobody, beside a program that only says hello. */
export async function measureCommand(stage: Stage): Promise<Figure[]> {
  const hello = await compile("hello.ts", stage.path("hello"));
  await stage.settleDisk();
  await using daemon = await stage.daemon("command");
  const commands = {
    "agentd health": ["--socket", daemon.socket, "--no-start", "health"],
    "agentd --help": ["--help"],
    "agentd --version": ["--version"],
  };
  const found = Object.entries(commands).map(([name, words]) => ({ name, words, ms: [] as number[] }));
  const helloTimes: number[] = [];
  for (let n = 0; n < stage.pace.cliRuns; n++) {
    helloTimes.push(timeRun([hello]));
    for (const { words, ms } of found) ms.push(timeRun([stage.binary, ...words]));
  }
  const helloMs = median(helloTimes);
  return found.map(({ name, ms }) => ({
    name: `${name}, beside a compiled hello world`,
    value: millis(median(ms)),
    beside: millis(helloMs),
    number: median(ms),
    ratio: median(ms) / helloMs,
    wanted: atMost(1.7),
  }));
}

function timeRun(command: string[]): number {
  const startedAt = performance.now();
  const { exitCode, stderr } = Bun.spawnSync(command, { stdin: "ignore" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${stderr.toString()}`);
  return performance.now() - startedAt;
}
