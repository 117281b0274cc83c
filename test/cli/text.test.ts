import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fitted, share } from "../../src/cli/text.ts";

describe("rows are shared", () => {
  test.each<[number, number[], number[]]>([
    [20, [3, 4], [3, 4]],
    [10, [100, 2, 100], [4, 2, 4]],
    [9, [100, 2, 100], [3, 2, 4]],
    [0, [1, 1], [0, 0]],
    [-3, [1], [0]],
  ])("%d among %p", (total, wanted, given) => expect(share(total, wanted)).toEqual(given));
});

describe("rows in lines of a given length", () => {
  const rows = [
    ["0197f3a2-5c1e-7b64-9d3a-2f6e8c1b4a70", "codex-1", "src/a/very/long/path/to/something.rs"],
    ["6f1a8a5e-0d5b-4f0e-9c57-3d2b1a0f9e88", "claude-code-of-somebody", "x"],
  ];
  const shape = [{ brief: (id: string) => id.slice(0, 8) }, {}, { gives: true }] as const;

  test.each<[string, number | null, string[]]>([
    ["are whole where there is no end", null, rows.map(([a = "", b = "", c = ""]) => `${a}  ${b.padEnd(23)}  ${c}`)],
    [
      "say it briefly before anything is cut",
      80,
      [
        "0197f3a2  codex-1                  src/a/very/long/path/to/something.rs",
        "6f1a8a5e  claude-code-of-somebody  x",
      ],
    ],
    [
      "cut first what may be cut, and no owner",
      50,
      ["0197f3a2  codex-1                  src/a/very/lon…", "6f1a8a5e  claude-code-of-somebody  x"],
    ],
    ["cut all where the rest alone is too long", 30, ["0197f3a2  codex-1    src/a/ve…", "6f1a8a5e  claude-c…  x"]],
  ])("%s", (_, room, lines) => expect(fitted(rows, shape, room)).toEqual(lines));

  test("are never longer, whatever they hold", () => {
    const cell = fc.oneof(fc.string({ maxLength: 30 }), fc.constantFrom("日本語", "👩‍💻", "\x1b[31mred\x1b[0m"));
    const table = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(table, fc.integer({ min: 1, max: 100 }), (cells, room) => {
        for (const line of fitted(cells, shape, room)) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(room);
      }),
    );
  });
});
