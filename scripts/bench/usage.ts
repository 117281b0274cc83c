import { readFileSync } from "node:fs";

/** What the kernel tells of a process. Linux only. */
export interface Usage {
  rssMb: number;
  /** What of it is no file's: heap and stacks, not the executable's own pages. */
  ownMb: number;
  /** Processor time since the process started, in steps of 10 ms. */
  processorMs: number;
}

export function usageOf(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const megabytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
  // The fields after the command's name, which ends with the last parenthesis.
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { rssMb: megabytes("VmRSS"), ownMb: megabytes("RssAnon"), processorMs: ticks * 10 };
}
