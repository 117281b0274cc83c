import { expect, test } from "bun:test";
import { present } from "../../src/protocol/present.ts";

test("a value that is there is given back, 0 and the empty string too", () => {
  for (const value of [0, "", false, 7]) expect(present(value, "the value")).toBe(value);
});

test("a value that cannot be missing and is missing throws with its name", () => {
  for (const value of [null, undefined])
    expect(() => present(value, "the row of node n1")).toThrow("the row of node n1 is missing");
});
