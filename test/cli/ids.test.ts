import { describe, expect, test } from "bun:test";
import { newestNamed, pickId, shortIds } from "../../src/cli/ids.ts";

const ids = [
  "0197f3a2-5c1e-7b64-9d3a-2f6e8c1b4a70",
  "0197f3a2-5c1f-7b64-9d3a-2f6e8c1b4a70",
  "6f1a8a5e-0d5b-4f0e-9c57-3d2b1a0f9e88",
] as const;
const candidates = ids.map((id, index) => ({ id, label: `goal ${index}` }));

describe("a name or shortened id", () => {
  const names = ["6f", "twice", "twice"];
  const named = candidates.map((candidate, index) => ({ ...candidate, name: names[index] ?? null }));

  test.each([
    ["6", ids[2]],
    ["6F1A", ids[2]],
    ["0197f3a2-5c1e", ids[0]],
  ])("%s names the one that begins with it", (given, id) => {
    expect(pickId(given, "task", candidates)).toBe(id);
  });

  test("is a name first, and the beginning of an id where nobody has that name", () => {
    expect(pickId("6f", "task", named)).toBe(ids[0]);
    expect(pickId("6f1", "task", named)).toBe(ids[2]);
  });

  test("that is meant for several lists them", () => {
    expect(() => pickId("0197", "task", candidates)).toThrow(
      `0197 begins 2 task ids; add characters:\n  ${ids[0]}  goal 0\n  ${ids[1]}  goal 1`,
    );
    expect(() => pickId("twice", "task", named)).toThrow(
      `twice is the name of 2 tasks; give an id:\n  ${ids[1]}  goal 1\n  ${ids[2]}  goal 2`,
    );
  });

  test("that is meant for very many lists a few", () => {
    const many = Array.from({ length: 9 }, (_, index) => ({ id: `0197f3a${index}`, label: "" }));
    expect(() => pickId("0", "node", many)).toThrow("and 4 more");
  });

  test.each([
    ["abc", "node" as const, "no node is named abc, and no node id begins with it; see: agentd task status TASK"],
    [
      "twic",
      "task" as const,
      "no task is named twic, and no task id begins with it (did you mean twice?); see: agentd task list",
    ],
    ["twi", "lease" as const, "no lease id begins with twi; see: agentd task status TASK, or agentd lock list"],
  ])("%s is no %s's", (given, what, message) => {
    expect(() => pickId(given, what, named)).toThrow(expect.objectContaining({ kind: "NOT_FOUND", exit: 1, message }));
  });

  test("that is empty, as of an unset shell variable, stands for nothing", () => {
    expect(() => pickId("", "task", candidates.slice(0, 1))).toThrow(expect.objectContaining({ kind: "USAGE" }));
  });
});

test("ids are shown with as few characters as tell them apart, 8 at least", () => {
  expect([...shortIds(ids).values()]).toEqual(["0197f3a2-5c1e", "0197f3a2-5c1f", "6f1a8a5e"]);
});

describe("a name that several tasks have", () => {
  const tasks = (...states: ("ACTIVE" | "COMPLETED" | "FAILED")[]) =>
    states.map((state, index) => ({ id: `${index}`, name: "port", label: "", state }));

  test.each<[string, ReturnType<typeof tasks>, string, string | null]>([
    [
      "is the newest's where all are ACTIVE, and says so",
      tasks("ACTIVE", "ACTIVE", "ACTIVE"),
      "0",
      "this is the newest, 0 (not 1, 2)",
    ],
    ["is the ACTIVE one's, however old", tasks("COMPLETED", "FAILED", "ACTIVE"), "2", null],
    ["is the newest's where all have ended", tasks("FAILED", "COMPLETED"), "0", null],
  ])("%s", (_, all, id, note) => {
    const named = newestNamed("port", all);
    expect([named?.id, named?.note?.split("; ")[1] ?? null]).toEqual([id, note]);
  });

  test("is not guessed from its beginning", () => {
    expect(newestNamed("por", tasks("ACTIVE"))).toBeNull();
    expect(newestNamed("", [{ id: "0", name: "", label: "", state: "ACTIVE" }])).toBeNull();
  });
});
