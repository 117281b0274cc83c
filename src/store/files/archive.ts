import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type ArchivedRow, type ArchiveEnd, type ArchiveHeader, archiveLine } from "../../protocol/chain.ts";
import { errorCode } from "./database.ts";
import { moveDurably } from "./files.ts";
import { StorageFailure } from "../store.ts";

/** An archive that is being written. */
export interface Archive {
  readonly path: string;
  /** @throws {StorageFailure} */
  append(rows: readonly ArchivedRow[]): void;
  /** Gives it its name; from then on it outlives a power loss. @throws {StorageFailure} */
  finish(): { sha256: string };
  /** Removes what was written of it. */
  cancel(): void;
  /** Removes it although it is finished. */
  remove(): void;
}

/**
 * Starts an archive: lines of JSON, compressed a batch at a time, as gzip allows. Until it is finished it has another
 * name, and afterwards it is on the disk.
 */
export function startArchive(directory: string, name: string, header: Omit<ArchiveHeader, "agentd_archive">): Archive {
  const path = join(directory, name);
  const unfinished = `${path}.unfinished`;
  const digest = new Bun.CryptoHasher("sha256");
  let rows = 0;
  let lastSeq = 0;
  let fd: number | null = null;

  const write = (lines: string) => {
    const bytes = Bun.gzipSync(Buffer.from(lines));
    digest.update(bytes);
    if (fd !== null) writeSync(fd, bytes);
  };

  const cancel = () => {
    if (fd === null) return;
    closeSync(fd);
    fd = null;
    rmSync(unfinished, { force: true });
  };

  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      cancel();
      const kind = errorCode(error) === "ENOSPC" ? "STORAGE_FULL" : "STORAGE_FAILED";
      const why = error instanceof Error ? error.message : String(error);
      throw new StorageFailure(kind, `the archive ${path} cannot be written, so nothing was pruned: ${why}`, {
        reopen: false,
      });
    }
  };

  attempt(() => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // What a daemon left that ended in the middle; there is one at a time.
    for (const left of readdirSync(directory)) {
      if (left.endsWith(".unfinished")) rmSync(join(directory, left), { force: true });
    }
    if (existsSync(path)) throw new Error("it exists already");
    fd = openSync(unfinished, "wx", 0o600);
    write(`${JSON.stringify({ agentd_archive: 1, ...header } satisfies ArchiveHeader)}\n`);
  });

  return {
    path,
    append(batch: readonly ArchivedRow[]): void {
      if (batch.length === 0) return;
      rows += batch.length;
      lastSeq = batch.at(-1)?.row.seq ?? lastSeq;
      attempt(() => write(batch.map((row) => `${archiveLine(row)}\n`).join("")));
    },
    finish: () =>
      attempt(() => {
        write(`${JSON.stringify({ rows, last_seq: lastSeq } satisfies ArchiveEnd)}\n`);
        if (fd !== null) closeSync(fd);
        fd = null;
        moveDurably(unfinished, path);
        return { sha256: digest.digest("hex") };
      }),
    cancel,
    remove: () => rmSync(path, { force: true }),
  };
}
