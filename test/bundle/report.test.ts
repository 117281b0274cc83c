import { describe, expect, test } from "bun:test";
import { markdownCode, markdownText } from "../../src/cli/bundle/markdown.ts";
import type { MergeReport, ReportedBundle } from "../../src/cli/bundle/merge/report.ts";
import { reportMarkdown, reportText } from "../../src/cli/bundle/merge/report-text.ts";

function reported(more: Partial<ReportedBundle> = {}): ReportedBundle {
  const plain = { bundle_id: "b", owner: "ann", provider: "p", diff_summary: "s", outcome: "accepted" as const };
  const nothing = { conflicts: [], against: [], merged_revision: null, verification: [], not_recorded: null };
  return { ...plain, ...nothing, reason: "r", ...more };
}

function report(more: Partial<MergeReport> = {}): MergeReport {
  const onto = { name: "main", revision: "1".repeat(40) };
  const plain = { dry_run: false, onto, branch: "merged", revision: "2".repeat(40), providers: [], bundles: [] };
  return { ...plain, overlaps: [], verification: [], locks: [], rebases: [], ...more };
}

const lines = (text: string) => text.split("\n");

describe("the report of a merge", () => {
  test("has no section without content", () => {
    expect(lines(reportText(report(), 0))).toEqual(["nothing was merged onto main: no bundle was accepted"]);
    expect(reportMarkdown(report())).toBe("0 of 0 bundles merged onto `main`, branch `merged`");
  });

  test("shows the overlaps that matter first, and not thousands of them", () => {
    const meeting = (relation: string, i: number) => ({
      a: `a${i}`,
      b: "b",
      relation,
      container: null,
      paths: ["x"],
      path_count: 3,
    });
    const many = Array.from({ length: 60 }, (_each, i) => meeting("compatible", i));
    const shown = lines(reportText(report({ overlaps: [...many, meeting("overlapping", 99)] }), 0));
    expect(shown.slice(2, 4)).toEqual(["overlaps", "  a99 and b  overlapping  x, and 2 more"]);
    expect(shown).toHaveLength(44);
    expect(shown.at(-1)).toBe("  and 21 more");
  });

  test("says what the daemon did not record, and what a failed command printed last", () => {
    const failed = {
      command: "bun test",
      exit_code: 1,
      duration_ms: 5,
      output_tail: "one\ntwo\x1b[31m\n",
      timed_out: false,
    };
    const refused = "it is ACCEPTED already";
    const text = reportText(report({ bundles: [reported({ verification: [failed], not_recorded: refused })] }), 0);
    expect(text).toContain("            | one\n              | two\u{fffd}[31m\n");
    expect(text).toContain(`not recorded: ${refused}`);
  });

  test("is Markdown in which a bundle's own words mean nothing", () => {
    const text = reportMarkdown(report({ bundles: [reported({ owner: "a|b", diff_summary: "<img> [x](y)\n# z" })] }));
    expect(text).toContain(String.raw`| a\|b (p) | \<img\> \[x\](y) \# z | accepted |`);
  });
});

test.each([
  ["plain", "plain", "`plain`"],
  ["`tick`", String.raw`\`tick\``, "`` `tick` ``"],
  ["a|b", String.raw`a\|b`, "`a\\|b`"],
  ["*_{x}", String.raw`\*\_{x}`, "`*_{x}`"],
])("%s is written %s in Markdown, and %s as code", (text, asText, asCode) => {
  expect([markdownText(text), markdownCode(text)]).toEqual([asText, asCode]);
});
