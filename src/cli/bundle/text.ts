import type { Result } from "../../protocol/methods.ts";
import { partyText } from "../lock/text.ts";
import {
  briefMoment,
  bold,
  columns,
  dim,
  green,
  harmless,
  momentText,
  oneLine,
  red,
  spanText,
  type Column,
  table,
  yellow,
} from "../text.ts";
import { shortIds } from "../ids.ts";
import type { BundleView } from "./ids.ts";

type Whole = Result<"GetPatchBundle">["bundle"];

const pathsShown = 5;
const decisionLinesShown = 20;
const pathsOfOneShown = 100;

/** What is open is to be done, what was taken is well, what was not is over. */
function bundleStatusText(status: string): string {
  if (status === "ACCEPTED") return green(status);
  if (status === "REJECTED") return red(status);
  return status === "SUBMITTED" ? yellow(status) : status;
}

const verifiedWords = { passed: green("passed"), failed: red("failed"), missing: yellow("missing") };

/** Bundles as a table. */
export function bundlesText(bundles: readonly BundleView[]): string {
  const short = shortIds(bundles.map(({ bundle_id: id }) => id));
  const shape: Column<BundleView>[] = [
    ["BUNDLE", ({ bundle_id: id }) => short.get(id) ?? id],
    ["STATUS", ({ status }) => bundleStatusText(status)],
    ["OWNER", ({ owner, provider }) => partyText(owner, provider)],
    ["PATHS", (bundle) => String(bundle.path_count)],
    ["VERIFIED", ({ verified }) => verifiedWords[verified]],
    ["CONFIDENCE", ({ confidence }) => confidence],
    ["SUBMITTED", (bundle) => momentText(Date.parse(bundle.submitted_at) / 1000), { brief: briefMoment }],
    ["SUMMARY", (bundle) => oneLine(bundle.diff_summary, 60), { gives: true }],
  ];
  return table(bundles, shape, "no open patch bundle; submit one with: agentd bundle create");
}

/** Everything of a bundle but its diff. */
export function bundleText(bundle: Whole): string {
  const paths = bundle.touched_paths.slice(0, pathsOfOneShown).map((path) => oneLine(path, 200));
  const more = bundle.touched_paths.length - paths.length;
  const facts: [string, string[]][] = [
    ["base", [bundle.base_revision]],
    ["head", bundle.head_revision === null ? [] : [bundle.head_revision]],
    ["scope", [oneLine(bundle.scope, 200)]],
    [
      "task",
      bundle.task_id === null ? [] : [`${bundle.task_id}${bundle.node_id === null ? "" : `, node ${bundle.node_id}`}`],
    ],
    ["summary", [oneLine(bundle.diff_summary, 300)]],
    ["intent", bundle.intent === null ? [] : [oneLine(bundle.intent, 300)]],
    ["confidence", [bundle.confidence]],
    ["assumes", bundle.assumptions.map((each) => oneLine(each, 300))],
    ["paths", more > 0 ? [...paths, `and ${more} more`] : paths],
    ["contains", bundle.contains],
    ["verified", bundle.verification.length === 0 ? [verifiedWords.missing] : bundle.verification.map(runText)],
    ["in place of", bundle.supersedes === null ? [] : [bundle.supersedes]],
    ["submitted", [momentText(Date.parse(bundle.submitted_at) / 1000)]],
    ["decision", decisionLines(bundle.decision)],
  ];
  const rows = facts.flatMap(([name, values]) => values.map((value, i) => [`  ${dim(i === 0 ? name : "")}`, value]));
  const headline = [bold(bundle.bundle_id), bundleStatusText(bundle.status), partyText(bundle.owner, bundle.provider)];
  const how =
    bundle.diff === null ? `git diff ${bundle.base_revision} ${bundle.head_revision}` : "--get diff prints it";
  return [headline.join("  "), ...columns(rows), "", dim(`the diff: ${how}`)].join("\n");
}

type Run = Whole["verification"][number];

/** `passed: bun test, in 2s`. */
export function runText({ command, exit_code: status, duration_ms: ms, timed_out: late }: Run): string {
  const how = late ? yellow("took too long") : status === 0 ? green("passed") : red(`ended with ${status}`);
  return `${how}: ${oneLine(command, 200)}, in ${ms < 1_000 ? `${ms} ms` : spanText(ms / 1000)}`;
}

function decisionLines(decision: Whole["decision"]): string[] {
  if (decision === null) return [];
  const { decision: what, decided_by: by, reason, merged_revision: merged, alternatives, decided_at: at } = decision;
  return [
    `${what} by ${oneLine(by, 60)}, ${momentText(Date.parse(at) / 1000)}: ${oneLine(reason, 300)}`,
    ...(merged === null ? [] : [`as commit ${merged}`]),
    ...alternatives.map((id) => `and not ${id}`),
    ...decision.verification.flatMap((run) => [
      runText(run),
      ...(run.exit_code === 0 ? [] : outputLines(run.output_tail, decisionLinesShown).map((line) => dim(`| ${line}`))),
    ]),
  ];
}

const relationWords: Readonly<Record<string, string>> = {
  compatible: green("compatible"),
  identical: dim("identical"),
  overlapping: red("overlapping"),
  unknown: yellow("unknown"),
};

export function relationText(relation: string): string {
  return relationWords[relation] ?? relation;
}

/** A bundle that a new one was built on. */
export function containedText({ bundle_id: id, status, owner, provider }: BundleView): string {
  const next = status === "REJECTED" ? ": a merge leaves this one open for that" : "";
  return `it contains ${id} of ${partyText(owner, provider)}, which is ${bundleStatusText(status)}${next}`;
}

/** Which open bundles a new one meets, and how. */
export function overlapsText({ bundle_id: own, overlaps }: Result<"SubmitPatchBundle">): string[] {
  if (overlaps.length === 0) return ["no open bundle overlaps with it"];
  const rows = overlaps.map(({ bundle_id: id, owner, provider, relation, container, paths, path_count: count }) => [
    `  ${container === null ? relationText(relation) : container === own ? "contains" : "is contained in"}`,
    id,
    partyText(owner, provider),
    pathsText(paths, count),
  ]);
  return [
    `it meets ${overlaps.length === 1 ? "an open bundle" : `${overlaps.length} open bundles`}:`,
    ...columns(rows),
  ];
}

/** Some paths, and how many there are beside them. */
export function pathsText(paths: readonly string[], count = paths.length, shown = pathsShown): string {
  const named = paths.slice(0, shown).map((path) => oneLine(path, 120));
  return [...named, ...(count > named.length ? [`and ${count - named.length} more`] : [])].join(", ");
}

/** A command's output for people, a line at a time. */
export function outputLines(tail: string, linesMax: number): string[] {
  const lines = harmless(tail.trimEnd()).split("\n");
  return lines.slice(-linesMax);
}
