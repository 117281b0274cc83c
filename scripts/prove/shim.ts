import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Disproved } from "./proof.ts";

/** What shim.c tells apart; the numbers are its own. */
export const operations = {
  write: 1,
  truncate: 2,
  sync: 3,
  create: 4,
  unlink: 5,
  failedSync: 6,
  unforeseen: 7,
} as const;
export const files = { database: 0, log: 1, journal: 2, directory: 3 } as const;

/** Compiles the shim into a directory; gives its path. */
export async function buildShim(directory: string): Promise<string> {
  const shim = join(directory, "shim.so");
  const sources = ["shim.c", "shim-trap.c"].map((name) => join(import.meta.dir, name));
  const compiled = await Bun.$`cc -shared -fPIC -O2 -Wall -Wextra -o ${shim} ${sources} -ldl`.nothrow().quiet();
  if (compiled.exitCode !== 0) throw new Disproved(`the shim does not compile:\n${compiled.stderr.toString()}`);
  return shim;
}

/** The environment in which a program has the shim before it. */
export function underShim(
  shim: string,
  watched: { database: string; recording?: string; fault?: string },
): Record<string, string> {
  const { database, recording, fault } = watched;
  return {
    LD_PRELOAD: shim,
    PROVE_DATABASE: database,
    ...(recording !== undefined && { PROVE_RECORDING: recording }),
    ...(fault !== undefined && { PROVE_FAULT: fault }),
  };
}

/** Which operation is to fail, and how. */
export interface Fault {
  operation: "write" | "sync" | "truncate";
  error: "EIO" | "ENOSPC";
  /** Counted from 1, from the moment it is armed. */
  nth: number;
  forGood: boolean;
}

const errorNumbers = { EIO: 5, ENOSPC: 28 } as const;

/** The file through which a fault is armed and lifted in a daemon that has the shim, while it runs. */
export class FaultControl {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    writeFileSync(path, Buffer.alloc(28));
  }

  arm({ operation, error, nth, forGood }: Fault): void {
    // The first field arms it, so it is written last.
    this.#write(4, [operations[operation], errorNumbers[error], nth, forGood ? 1 : 0, 0, 0]);
    this.#write(0, [1]);
  }

  lift(): void {
    this.#write(0, [0]);
  }

  /** How many operations have failed since it was armed. */
  get struck(): number {
    return readFileSync(this.path).readUInt32LE(24);
  }

  #write(offset: number, fields: number[]): void {
    const fd = openSync(this.path, "r+");
    writeSync(fd, Buffer.from(Uint32Array.from(fields).buffer), 0, fields.length * 4, offset);
    closeSync(fd);
  }
}
