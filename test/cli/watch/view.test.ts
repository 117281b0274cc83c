import { describe, expect, test } from "bun:test";
import type { Model, Opened, Task } from "../../../src/cli/watch/model.ts";
import { unknown } from "../../../src/cli/watch/model.ts";
import { type Key, keysOf, press, startAt, type View } from "../../../src/cli/watch/view.ts";

const tasks = ["a", "b", "c", "d"].map((id) => ({ id }) as Task);
const opened = { tree: { rows: [1, 2, 3] } } as unknown as Opened;
const model: Model = { ...unknown, tasks, opened };

/** The view after these keys, with pages of two rows; null once the user has quit. */
function after(keys: readonly Key[], start = startAt(null)): View | null {
  return keys.reduce<View | null>((view, key) => view && press(view, key, model, 2), start);
}

describe("in the list", () => {
  test.each<[Key[], string | null]>([
    [["down"], "b"],
    [["down", "down", "up"], "b"],
    [["up"], "a"],
    [["page down"], "c"],
    [["page down", "page down"], "d"],
    [["end"], "d"],
    [["end", "page up"], "b"],
    [["end", "home"], "a"],
  ])("%p chooses a task", (keys, selected) => expect(after(keys)).toMatchObject({ opened: null, selected }));

  test("enter looks into the chosen task, and escape comes back to it", () => {
    expect(after(["down", "enter"])).toMatchObject({ opened: "b", row: 0 });
    expect(after(["down", "enter", "down", "back"])).toMatchObject({ opened: null, selected: "b" });
  });

  test("enter does nothing where there is no task", () => {
    expect(press(startAt(null), "enter", unknown, 2)).toEqual(startAt(null));
  });

  test("the chosen task stays chosen when the list changes its order", () => {
    const view = after(["down"]) ?? startAt(null);
    expect(press(view, "down", { ...model, tasks: tasks.toReversed() }, 2)).toMatchObject({ selected: "a" });
  });

  test.each<Key>(["quit", "back"])("%s ends it", (key) => expect(after([key])).toBeNull());
});

describe("in a task", () => {
  test.each<[Key[], number]>([
    [["down"], 1],
    [["down", "down", "down", "down"], 2],
    [["end", "up"], 1],
    [["end", "home"], 0],
  ])("%p scrolls", (keys, row) => expect(after(keys, startAt("x"))).toMatchObject({ opened: "x", row }));

  test("that the command line named, escape ends it", () => expect(after(["back"], startAt("x"))).toBeNull());
  test("quit ends it from anywhere", () => expect(after(["enter", "quit"])).toBeNull());
});

describe("keys are understood", () => {
  test.each<[string, Key[]]>([
    ["q", ["quit"]],
    ["\x03", ["quit"]],
    ["\x1b", ["back"]],
    ["\x1b[A\x1bOB", ["up", "down"]],
    ["jk", ["down", "up"]],
    ["\x1b[5~\x1b[6~", ["page up", "page down"]],
    ["\r", ["enter"]],
    ["\x1b[1;5A日x", []],
  ])("%j", (sent, keys) => expect(keysOf(sent)).toEqual(keys));
});
