import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Chance } from "../../scripts/prove/chance.ts";
import { hold } from "../../scripts/prove/hostile-lines/batch.ts";
import { categories, type Line } from "../../scripts/prove/hostile-lines/categories.ts";
import type { Valid } from "../../scripts/prove/hostile-lines/corpus.ts";
import { Place } from "../../scripts/prove/place.ts";

const corpus: Valid[] = [
  { id: 1, method: "RegisterTask", params: { goal: "a goal", initial_nodes: [{ max_attempts: 3 }] } },
  { id: 2, method: "Health", params: { nothing: "at all" } },
];

describe.each(categories.map((category) => [category.name, category] as const))("%s", (_, category) => {
  const linesOf = (seed: number) => category.lines(new Chance(seed), corpus, 300, 0);

  test("are the same again with the same seed", () => {
    expect(linesOf(7)).toEqual(linesOf(7));
  });

  test("are lines: as many as wanted, none with a newline in it, and blank only where it says so", () => {
    const lines = linesOf(8);
    expect(lines).toHaveLength(300);
    for (const { bytes, blank = false } of lines) {
      expect(bytes).not.toContain(10);
      expect(bytes.every((byte) => byte === 32 || byte === 9 || byte === 13)).toBe(blank);
    }
  });
});

describe("a daemon is caught that", () => {
  const place = new Place("hostile-lines-test");
  afterAll(() => place[Symbol.dispose]());
  const valid: Line = { bytes: Buffer.from('{"method":"Health"}'), right: null };
  const broken: Line = { bytes: Buffer.from("{"), right: ["PARSE_ERROR"] };
  const [health, parseError] = ['{"result":{}}', '{"error":{"data":{"kind":"PARSE_ERROR"}}}'];
  const marker = '{"id":"the end of the batch","result":{}}';
  let servers = 0;

  /** How two lines and the end of their batch go with a daemon that answers them so. */
  async function heldWith(answers: readonly string[]): Promise<string> {
    const path = join(place.path, `socket-${++servers}`);
    const data = (socket: Bun.Socket) => void socket.end(answers.map((line) => `${line}\n`).join(""));
    const server = Bun.listen({ unix: path, socket: { data } });
    try {
      return await hold(path, [valid, broken], "marker").then(
        () => "kept",
        (error: unknown) => String(error),
      );
    } finally {
      server.stop(true);
    }
  }

  test.each([
    ["nothing is wrong with, and so is not", [health, parseError, marker], "kept"],
    ["leaves a line unanswered", [parseError, marker], "got {"],
    ["leaves the last line unanswered", [health, marker], "right is PARSE_ERROR"],
    ["answers a line twice", [health, parseError, parseError, marker], "after the last answer came {"],
    ["takes a broken line for a request", [health, health, marker], "right is PARSE_ERROR"],
    ["has a bug", ['{"error":{"data":{"kind":"INTERNAL"}}}', parseError, marker], "INTERNAL"],
    ["answers what is no answer", ["{}", parseError, marker], "got {}"],
    ["closes early", [health], "the end of the connection"],
  ])("%s", async (_, answers, expected) => {
    expect(await heldWith(answers)).toContain(expected);
  });
});
