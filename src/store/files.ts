import { closeSync, copyFileSync, constants, fsyncSync, openSync, renameSync } from "node:fs";
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
