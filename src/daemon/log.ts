import { closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import { createConsola, type LogObject, LogLevels } from "consola/core";

/** Where log lines go. */
export interface LogSink {
  write(line: string): void;
  /** Follows a file that was moved away, as on SIGHUP. */
  reopen(): void;
}

const fileBytesMax = 10 << 20;
/** The current file and the two before it. */
const filesKept = 3;

interface FileSinkOptions {
  bytesMax?: number;
  /** Told the descriptor of the file whenever it is opened, again too. */
  opened?: (fd: number) => void;
}

/** A log file of its own, rotated by size: 3 files of 10 MB at the most, readable for their owner only. */
export function fileSink(path: string, { bytesMax = fileBytesMax, opened }: FileSinkOptions = {}): LogSink {
  let fd = openSync(path, "a", 0o600);
  opened?.(fd);
  let bytes = fstatSync(fd).size;

  // Opened before the old one is closed: a number given back would be the next client's, who would get our lines.
  const reopen = () => {
    const reopened = openSync(path, "a", 0o600);
    closeSync(fd);
    fd = reopened;
    opened?.(fd);
    bytes = fstatSync(fd).size;
  };

  const rotate = () => {
    for (let n = filesKept - 1; n >= 1; n--) {
      const older = n === 1 ? path : `${path}.${n - 1}`;
      if (existsSync(older)) renameSync(older, `${path}.${n}`);
    }
    reopen();
  };

  return {
    write(line) {
      try {
        bytes += writeSync(fd, line);
        if (bytes > bytesMax) rotate();
      } catch {
        // A full disk must not stop the daemon; the line is lost.
      }
    },
    reopen() {
      try {
        reopen();
      } catch {
        // Its directory is gone or full; the file in hand goes on.
      }
    },
  };
}

/** Standard error, for a daemon in the foreground. */
export const stderrSink: LogSink = {
  write(line) {
    try {
      writeSync(2, line);
    } catch {
      // Nobody reads it.
    }
  },
  reopen: () => undefined,
};

/** The daemon's logger. Lines name methods, ids, sizes and times; never payloads, never the environment. */
export function createLog(sink: LogSink) {
  const report = ({ date, type, args }: LogObject) => {
    sink.write(`${date.toISOString()} ${type.padEnd(5)} ${args.map(toText).join(" ")}\n`);
  };
  return createConsola({ level: LogLevels.info, reporters: [{ log: report }], throttle: 0 });
}

export type Log = ReturnType<typeof createLog>;

function toText(value: unknown): string {
  if (value instanceof Error) return value.stack ?? value.message;
  return typeof value === "string" ? value : JSON.stringify(value);
}
