import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import type { JournalHead } from "../../core/journal/journal.ts";

const noteBytes = 96;
const form = /^(\d+) ([0-9a-f]{64})\n/;

/**
 * The journal's head, noted beside the database with every commit, in `<database>.head`: an older copy put back by hand
 * does not have it. The note is not synced and so never ahead of what is on the disk; a note that cannot be written is
 * none.
 */
export class HeadNote {
  #fd: number | null;

  constructor(database: string) {
    this.#fd = opened(`${database}.head`);
  }

  read(): JournalHead | null {
    if (this.#fd === null) return null;
    const bytes = Buffer.alloc(noteBytes);
    try {
      readSync(this.#fd, bytes, 0, noteBytes, 0);
    } catch {
      return null;
    }
    const [, seq, hash] = form.exec(bytes.toString("latin1")) ?? [];
    return seq === undefined || hash === undefined ? null : { seq: Number(seq), hash };
  }

  write({ seq, hash }: JournalHead): void {
    if (this.#fd === null) return;
    try {
      writeSync(this.#fd, `${seq} ${hash}\n`.padEnd(noteBytes), 0);
    } catch {
      // The next commit tries again.
    }
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}

function opened(path: string): number | null {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
  } catch {
    return null;
  }
}
