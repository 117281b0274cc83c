import { describe, expect, test } from "bun:test";
import { Chance } from "../../scripts/prove/chance.ts";
import { Disk, type Fate } from "../../scripts/prove/power-loss/disk.ts";
import type { FileNumber, Operation } from "../../scripts/prove/power-loss/recording.ts";

const end = 0;
const create = (file: FileNumber = 0): Operation => ({ kind: "create", file, end });
const unlink = (file: FileNumber = 0): Operation => ({ kind: "unlink", file, end });
const sync = (file: FileNumber = 0): Operation => ({ kind: "sync", file, end });
const failedSync: Operation = { kind: "failed sync", file: 0, end };
const names: Operation = { kind: "sync directory", end };
const write = (text: string, offset = 0): Operation => ({
  kind: "write",
  file: 0,
  offset,
  data: Buffer.from(text),
  end,
});
const truncate = (size: number): Operation => ({ kind: "truncate", file: 0, size, end });

function diskAfter(...operations: Operation[]): Disk {
  const disk = new Disk();
  for (const operation of operations) disk.apply(operation);
  return disk;
}

/** Everything the first file may hold after a power loss, by many draws. */
function possible(disk: Disk, fate: Fate): Set<string | null> {
  const chance = new Chance(1);
  return new Set(Array.from({ length: 200 }, () => disk.image(fate, chance)[0]?.toString() ?? null));
}

describe("after a power loss", () => {
  test.each<[string, Operation[], Fate, (string | null)[]]>([
    ["what was synced is there", [create(), names, write("one"), sync()], "dropped", ["one"]],
    ["what was not is gone", [create(), names, write("one"), sync(), write("two")], "dropped", ["one"]],
    ["or there, as it happens", [create(), names, write("one"), sync(), write("two")], "some", ["one", "two"]],
    ["or all there", [create(), names, write("one"), write("-two", 3)], "kept", ["one-two"]],
    ["of two calls any", [create(), names, write("a"), write("b", 1)], "some", ["", "a", "\0b", "ab"]],
    [
      "a size is as much in question as a write",
      [create(), names, write("ab"), sync(), truncate(1)],
      "torn",
      ["a", "ab"],
    ],
    ["what was cut off does not come back", [create(), names, write("ab"), truncate(1), truncate(2)], "kept", ["a\0"]],
    ["a file whose name was not synced is gone", [create(), write("one"), sync()], "dropped", [null]],
    ["a removed file is back", [create(), names, write("one"), sync(), unlink()], "dropped", ["one"]],
    ["or gone", [create(), names, write("one"), sync(), unlink()], "torn", ["one", null]],
    [
      "a file of the same name is another one",
      [create(), names, write("old"), sync(), unlink(), create()],
      "kept",
      [""],
    ],
    [
      "and the old one until names are synced",
      [create(), names, write("old"), sync(), unlink(), create(), write("new"), sync()],
      "dropped",
      ["old"],
    ],
    [
      "what a sync failed to write no later one writes",
      [create(), names, write("one"), failedSync, sync()],
      "dropped",
      [""],
    ],
    ["though it may have been written", [create(), names, write("one"), failedSync, sync()], "some", ["", "one"]],
    [
      "and whoever runs is shown it",
      [create(), names, write("one"), failedSync, write("two", 9_000)],
      "kept",
      [`one${"\0".repeat(8_997)}two`],
    ],
    [
      "until its page is changed again",
      [create(), names, write("one"), failedSync, write("t", 2), sync()],
      "dropped",
      ["ont"],
    ],
    ["or cut off", [create(), names, write("one"), failedSync, truncate(0), sync()], "some", [""]],
  ])("%s", (_, operations, fate, expected) => {
    expect(possible(diskAfter(...operations), fate)).toEqual(new Set(expected));
  });

  test("a write is torn at 512 bytes: each sector is old or new", () => {
    const [old, young] = ["o", "n"].map((letter) => letter.repeat(512)) as [string, string];
    const disk = diskAfter(create(), names, write(old + old), sync(), write(young + young));
    expect(possible(disk, "torn")).toEqual(new Set([old + old, old + young, young + old, young + young]));
  });

  test("a sector is as it was at some time: a later write is not there without the earlier ones", () => {
    expect(possible(diskAfter(create(), names, write("a"), write("b", 1)), "torn")).toEqual(new Set(["", "a", "ab"]));
  });

  test("the same seed gives the same image", () => {
    const disk = diskAfter(create(), names, ...Array.from("power loss", (letter, at) => write(letter, at * 700)));
    const image = (seed: number) => disk.image("torn", new Chance(seed))[0]?.toString("hex");
    expect(image(5)).toBe(image(5));
    expect(image(5)).not.toBe(image(6));
  });
});
