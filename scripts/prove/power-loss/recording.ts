import { files, operations } from "../shim.ts";

/** The three files SQLite keeps a database in. */
export type FileNumber = 0 | 1 | 2;
export const suffixes = ["", "-wal", "-journal"] as const;

/** One thing that was done to the disk, in order; `end` is the recording's length with it. */
export type Operation = { end: number } & (
  | { kind: "write"; file: FileNumber; offset: number; data: Buffer }
  | { kind: "truncate"; file: FileNumber; size: number }
  | { kind: "sync" | "failed sync" | "create" | "unlink"; file: FileNumber }
  | { kind: "sync directory" }
);

const headBytes = 24;

/** Reads what the shim wrote down. @throws at an operation it did not foresee: no image would be right. */
export function readRecording(bytes: Buffer): Operation[] {
  const read: Operation[] = [];
  for (let at = 0; at + headBytes <= bytes.length;) {
    const operation = bytes.readUInt32LE(at);
    const file = bytes.readUInt32LE(at + 4);
    const offset = Number(bytes.readBigUInt64LE(at + 8));
    const length = Number(bytes.readBigUInt64LE(at + 16));
    const start = at + headBytes;
    const end = operation === operations.write ? start + length : start;
    if (end > bytes.length) break;
    read.push(toOperation(operation, file, offset, bytes.subarray(start, end), end));
    at = end;
  }
  return read;
}

function toOperation(operation: number, number: number, offset: number, data: Buffer, end: number): Operation {
  if (number === files.directory && operation === operations.sync) return { kind: "sync directory", end };
  const file = number as FileNumber;
  switch (operation) {
    case operations.write:
      return { kind: "write", file, offset, data, end };
    case operations.truncate:
      return { kind: "truncate", file, size: offset, end };
    case operations.sync:
      return { kind: "sync", file, end };
    case operations.failedSync:
      return { kind: "failed sync", file, end };
    case operations.create:
      return { kind: "create", file, end };
    case operations.unlink:
      return { kind: "unlink", file, end };
    default:
      throw new Error(`the recording holds operation ${operation} on file ${number}, of which nothing is known`);
  }
}

/** A frame's header in the log: 24 bytes, of which the second four hold the database's size where it ends a commit. */
export function endsCommit(operation: Operation): boolean {
  return (
    operation.kind === "write" &&
    operation.file === files.log &&
    operation.data.length === 24 &&
    operation.data.readUInt32BE(4) !== 0
  );
}
