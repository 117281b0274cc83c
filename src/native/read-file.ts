import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { systemCode, systemReason } from "./system-error.ts";

/** A file that was not read. The message says why, without its path; `code` is the system's, where that refused. */
export class Unreadable extends Error {
  readonly code: string;

  constructor(message: string, code = "") {
    super(message);
    this.code = code;
  }
}

const kinds = [
  ["isDirectory", "a directory"],
  ["isFIFO", "a pipe"],
  ["isSocket", "a socket"],
  ["isCharacterDevice", "a device"],
  ["isBlockDevice", "a device"],
  ["isSymbolicLink", "a symbolic link"],
] as const satisfies [keyof Stats, string][];

/** What stands at a path instead of a regular file; null for a regular file. */
export function strangeKind(stat: Stats): string | null {
  return stat.isFile() ? null : (kinds.find(([is]) => stat[is]())?.[1] ?? "no regular file");
}

/**
 * Opens a regular file for reading. Nothing else: a pipe would be waited for, a device read for ever.
 * @throws {Unreadable}
 */
export function openRegular(path: string): number {
  try {
    refuseStrange(statSync(path));
    // Another may have come in its place by now; without waiting even a pipe opens at once.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      refuseStrange(fstatSync(fd));
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  } catch (error) {
    throw unreadable(error);
  }
}

function refuseStrange(stat: Stats): void {
  const kind = strangeKind(stat);
  if (kind !== null) throw new Unreadable(`it is ${kind}, not a regular file`);
}

function unreadable(error: unknown): unknown {
  const reason = systemReason(error);
  return reason === null ? error : new Unreadable(reason, systemCode(error));
}

/**
 * The text of a regular file of at most so many bytes: the one way in which agentd reads a file as a whole.
 * @throws {Unreadable}
 */
export function readFileText(path: string, bytesMax: number): string {
  const fd = openRegular(path);
  try {
    const chunks: Uint8Array[] = [];
    for (let bytes = 0; ;) {
      const chunk = new Uint8Array(Math.min(chunkBytes, bytesMax + 1 - bytes));
      const length = readSync(fd, chunk);
      if (length === 0) return new TextDecoder().decode(Buffer.concat(chunks));
      bytes += length;
      if (bytes > bytesMax) throw tooLong(bytesMax);
      chunks.push(chunk.subarray(0, length));
    }
  } catch (error) {
    throw unreadable(error);
  } finally {
    closeSync(fd);
  }
}

const chunkBytes = 64 << 10;

/** The same for standard input, which may be waited for. */
export async function readStandardInput(bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of Bun.stdin.stream()) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLong(bytesMax);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

const tooLong = (bytesMax: number) => new Unreadable(`it has more than ${bytesMax} bytes`);
