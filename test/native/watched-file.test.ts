import { expect, test } from "bun:test";
import { renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WatchedFile } from "../../src/native/watched-file.ts";
import { scratch } from "../daemon/daemon-process.ts";

test("a watched file is the one that statSync tells of, whatever becomes of it", () => {
  using place = scratch();
  const path = join(place.path, "päth with spaces");
  const watched = new WatchedFile(path);
  const told = () => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? null : { device: stat.dev, inode: stat.ino, bytes: stat.size };
  };
  const other = join(place.path, "other");
  const changes: (() => void)[] = [
    () => undefined,
    () => writeFileSync(path, "text"),
    () => writeFileSync(path, ""),
    () => renameSync(path, other),
    () => symlinkSync(other, path),
    () => writeFileSync(path, "x".repeat(100_000)),
  ];
  for (const change of changes) {
    change();
    expect(watched.look()).toEqual(told());
  }
  // Of another file system.
  expect(new WatchedFile("/proc/self").look()?.device ?? 0).toBe(
    statSync("/proc/self", { throwIfNoEntry: false })?.dev ?? 0,
  );
});

test("what the system does not tell of a watched file is thrown", () => {
  using place = scratch();
  const loop = join(place.path, "loop");
  symlinkSync(loop, loop);
  expect(() => new WatchedFile(join(loop, "file")).look()).toThrow("ELOOP");
});
