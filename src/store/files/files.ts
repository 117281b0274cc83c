import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/** Copies a file that nobody writes, so that after a crash the copy is whole or not there. */
export function copyDurably(from: string, to: string): void {
  const unfinished = `${to}.unfinished`;
  copyFileSync(from, unfinished, constants.COPYFILE_FICLONE);
  moveDurably(unfinished, to);
}

/** Gives a finished file its name, so that after a crash the name stands for the whole file or for nothing. */
export function moveDurably(from: string, to: string): void {
  sync(from);
  renameSync(from, to);
  sync(dirname(to));
}

function sync(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Writes a file over itself and syncs it; nothing where there is none. When a sync fails, Linux takes what it did not
 * write for written: whoever reads is shown it, no later sync writes it, and a power loss takes it (Rebello et al., "Can
 * Applications Recover from fsync Failures?", USENIX ATC 2020). Written anew, it is written.
 */
export function rewriteDurably(path: string): void {
  if (!existsSync(path)) return;
  const fd = openSync(path, "r+");
  try {
    const chunk = Buffer.alloc(chunkBytes);
    let at = 0;
    for (let length = readSync(fd, chunk, 0, chunkBytes, at); length > 0;) {
      at += writeSync(fd, chunk, 0, length, at);
      length = readSync(fd, chunk, 0, chunkBytes, at);
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

const chunkBytes = 1 << 20;

/** Whether two files hold the same. */
export function sameBytes(one: string, other: string): boolean {
  const descriptors = [openSync(one, "r"), openSync(other, "r")] as const;
  const [a, b] = descriptors;
  try {
    const size = fstatSync(a).size;
    if (size !== fstatSync(b).size) return false;
    const chunks = [Buffer.alloc(chunkBytes), Buffer.alloc(chunkBytes)] as const;
    for (let at = 0; at < size; at += chunkBytes) {
      const length = readSync(a, chunks[0], 0, chunkBytes, at);
      readSync(b, chunks[1], 0, chunkBytes, at);
      if (chunks[0].compare(chunks[1], 0, length, 0, length) !== 0) return false;
    }
    return true;
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}
