import { expect, test } from "bun:test";
import { heapStats } from "bun:jsc";
import { isRefusal } from "../../src/core/decision.ts";
import { keyBytes, parseResourceKey, type ResourceKey } from "../../src/core/locks/resource-key.ts";

/** Keys of many shapes, at their limits; whether case is ignored. */
const shapes: [string, string, boolean][] = [
  ["a path", "file:src/some/directory/name.ts", false],
  ["a deep path", `dir:${"a/".repeat(63)}b`, false],
  ["a long path", `file:${"abcdefghij".repeat(400)}`, false],
  ["runs", `glob:${"*b".repeat(250)}`, false],
  ["single characters", `glob:${"?".repeat(250)}`, false],
  ["single characters without case", `glob:${"?".repeat(250)}`, true],
  ["classes", `glob:${"[abcdefgh]".repeat(100)}`, false],
  ["classes without case", `glob:${"[a-z]".repeat(200)}`, true],
  ["negated classes without case", `glob:${"[!a]".repeat(250)}`, true],
  ["negated classes of characters that become several", `glob:${"[!ß]".repeat(250)}`, true],
  ["segments", `glob:${"?/".repeat(60)}x`, false],
  ["braces", `glob:${"{a,b}".repeat(6)}*`, false],
  ["a long name", `glob:${"a".repeat(1_000)}*`, false],
];
const count = 40;

const heapBytes = () => {
  Bun.gc(true);
  return heapStats().heapSize;
};

function read(text: string, ignoreCase: boolean): ResourceKey {
  const key = parseResourceKey(text, { ignoreCase, scope: "global" });
  if (isRefusal(key)) throw new Error(key.message);
  return key;
}

/** Makes all that is made of a key when it is compared. */
function compareAll(key: ResourceKey): void {
  const alternatives = key.kind === "opaque" ? [] : key.alternatives;
  for (const { steps } of alternatives.map((alternative) => alternative.pattern()))
    for (const step of steps) if (typeof step !== "string") step.automaton();
}

test.each(shapes)("%s take no more memory than they are said to", (_, text, ignoreCase) => {
  compareAll(read(text, ignoreCase));
  const before = heapBytes();
  const keys = Array.from({ length: count }, (_each, n) => read(`${text}x${n}`, ignoreCase));
  keys.forEach(compareAll);
  const each = (heapBytes() - before) / count;
  const said = Math.max(...keys.map(keyBytes));
  // The heap holds what other tests left, too, and gives it back when it likes.
  expect(each).toBeLessThan(1.5 * said + 4_000);
});
