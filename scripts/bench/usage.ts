import { readFileSync } from "node:fs";

/** What the kernel tells of a process. Linux only. */
export interface Usage {
  rssMb: number;
  /** Processor time since it started, in clock ticks of 10 ms. */
  ticks: number;
}

export function usageOf(pid: number): Usage {
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  // The fields after the command's name, which ends with the last parenthesis.
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
  return { rssMb: Number(rss) / 1024, ticks: Number(fields[11]) + Number(fields[12]) };
}
