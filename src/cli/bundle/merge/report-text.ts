import { shortIds } from "../../ids.ts";
import { partyText } from "../../lock/text.ts";
import { bold, columns, dim, green, oneLine, red, spanText, yellow } from "../../text.ts";
import { markdownCode, markdownTable, markdownText } from "../markdown.ts";
import { shortened } from "../matrix.ts";
import { outputLines, pathsText, relationText, runText } from "../text.ts";
import type { MergeReport, ReportedBundle } from "./report.ts";
import { present } from "../../../protocol/present.ts";

const fateWords = { accepted: green, rejected: red, superseded: dim, left: yellow };
const outputLinesShown = 8;
const overlapsShown = 40;

/** A heading, and its lines; nothing without any. */
type Section = [title: string, lines: string[]];

/** The report for people. */
export function reportText(report: MergeReport, nowMs: number): string {
  const short = shortIds(report.bundles.map(({ bundle_id: id }) => id));
  const idOf = (id: string) => short.get(id) ?? id;
  const sections: Section[] = [
    ["providers", columns(report.providers.map(providerCells))],
    ["bundles", report.bundles.flatMap((bundle) => bundleLines(bundle, short))],
    ["overlaps", overlapLines(report, idOf)],
    ["verification", verificationLines(report)],
    ["locks still held", columns(report.locks.map((lock) => lockCells(lock, nowMs)))],
    ["to be redone", report.rebases.map((id) => `${idOf(id)}  ${rebaseText(report, id)}`)],
  ];
  const shown = sections.flatMap(([title, lines]) =>
    lines.length === 0 ? [] : ["", dim(title), ...lines.map((line) => `  ${line}`)],
  );
  return [headline(report), ...shown].join("\n");
}

/** What stands in each other's way first: two hundred bundles may meet in twenty thousand ways. */
function overlapLines({ overlaps }: MergeReport, idOf: (id: string) => string): string[] {
  const worst = ["overlapping", "unknown", "identical", "compatible"];
  const sorted = overlaps.toSorted((one, other) => worst.indexOf(one.relation) - worst.indexOf(other.relation));
  const lines = sorted
    .slice(0, overlapsShown)
    .map(({ a, b, relation, container, paths, path_count: count }) => [
      `${idOf(a)} and ${idOf(b)}`,
      relationText(relation),
      pathsText(paths, count) + (container === null ? "" : `; ${idOf(container)} contains the other`),
    ]);
  const more = overlaps.length - overlapsShown;
  return [...columns(lines), ...(more > 0 ? [`and ${more} more`] : [])];
}

function headline({ dry_run: dry, branch, revision, onto, bundles }: MergeReport): string {
  const accepted = bundles.filter(({ outcome }) => outcome === "accepted").length;
  const count = `${accepted} of ${bundles.length} bundles`;
  if (accepted === 0)
    return `nothing ${dry ? "would be" : "was"} merged onto ${oneLine(onto.name, 100)}: no bundle was accepted`;
  if (branch === null)
    return `${count} would be merged onto ${oneLine(onto.name, 100)}; nothing was written or recorded`;
  return `${count} merged onto ${oneLine(onto.name, 100)}: branch ${bold(oneLine(branch, 200))} at ${revision}`;
}

function providerCells({ provider, owners, bundles, accepted }: MergeReport["providers"][number]): string[] {
  return [oneLine(provider, 60), oneLine(owners.join(", "), 120), `${accepted} of ${bundles} accepted`];
}

function bundleLines(bundle: ReportedBundle, short: ReadonlyMap<string, string>): string[] {
  const { bundle_id: id, outcome, owner, provider, reason, verification, not_recorded: refused } = bundle;
  const failed = verification.find(({ exit_code: status }) => status !== 0);
  return [
    `${fateWords[outcome](outcome.padEnd(10))}  ${short.get(id) ?? id}  ${partyText(owner, provider)}  ${oneLine(bundle.diff_summary, 80)}`,
    `            ${oneLine(shortened(reason, short), 400)}`,
    ...(failed === undefined
      ? []
      : outputLines(failed.output_tail, outputLinesShown).map((line) => dim(`            | ${line}`))),
    ...(refused === null ? [] : [red(`            not recorded: ${oneLine(refused, 300)}`)]),
  ];
}

function verificationLines({ verification, bundles }: MergeReport): string[] {
  if (verification.length > 0) return verification.map(runText);
  const merged = bundles.some(({ outcome }) => outcome === "accepted");
  return merged ? ["nothing was run on the merged result; give --verify CMD"] : [];
}

function lockCells(lock: MergeReport["locks"][number], nowMs: number): string[] {
  const left = spanText((lock.lease_expires_at_ms - nowMs) / 1000);
  return [oneLine(lock.resource_key, 120), partyText(lock.owner, lock.provider), `for ${left} more unless renewed`];
}

function rebaseText({ bundles, onto, branch }: MergeReport, id: string): string {
  const found = bundles.find(({ bundle_id: each }) => each === id);
  const { owner, provider } = present(found, "bundle", id);
  return `${partyText(owner, provider)}, from ${oneLine(branch ?? onto.name, 200)}`;
}

/** The report as Markdown. */
export function reportMarkdown(report: MergeReport): string {
  const short = shortIds(report.bundles.map(({ bundle_id: id }) => id));
  const idOf = (id: string) => markdownCode(short.get(id) ?? id);
  const party = (owner: string, provider: string | null) =>
    markdownText(provider === null ? owner : `${owner} (${provider})`);
  const sections: Section[] = [
    [
      "Bundles",
      markdownTable(
        ["Bundle", "Owner", "What", "Outcome", "Because", "Commit"],
        report.bundles.map((bundle) => [
          idOf(bundle.bundle_id),
          party(bundle.owner, bundle.provider),
          markdownText(bundle.diff_summary),
          bundle.outcome,
          markdownText(shortened(bundle.reason, short)),
          bundle.merged_revision === null ? "" : markdownCode(bundle.merged_revision.slice(0, 12)),
        ]),
      ),
    ],
    [
      "Providers",
      markdownTable(
        ["Provider", "Owners", "Bundles", "Accepted"],
        report.providers.map(({ provider, owners, bundles, accepted }) => [
          markdownText(provider),
          owners.map(markdownText).join(", "),
          String(bundles),
          String(accepted),
        ]),
      ),
    ],
    [
      "Overlaps",
      markdownTable(
        ["Bundles", "Relation", "Paths"],
        report.overlaps.map(({ a, b, relation, paths }) => [
          `${idOf(a)} and ${idOf(b)}`,
          relation,
          paths.map(markdownCode).join(", "),
        ]),
      ),
    ],
    [
      "Verification",
      markdownTable(
        ["Command", "Exit status", "Time"],
        report.verification.map(({ command, exit_code: status, duration_ms: ms }) => [
          markdownCode(command),
          String(status),
          `${ms} ms`,
        ]),
      ),
    ],
    [
      "Locks still held",
      markdownTable(
        ["Key", "Owner"],
        report.locks.map((lock) => [markdownCode(lock.resource_key), party(lock.owner, lock.provider)]),
      ),
    ],
    ["To be made anew", report.rebases.map((id) => `- ${idOf(id)}`)],
  ];
  const shown = sections.flatMap(([title, lines]) => (lines.length === 0 ? [] : ["", `## ${title}`, "", ...lines]));
  return [markdownHeadline(report), ...shown].join("\n");
}

function markdownHeadline({ branch, onto, dry_run: dry, bundles }: MergeReport): string {
  const accepted = bundles.filter(({ outcome }) => outcome === "accepted").length;
  const where = branch === null ? "" : `, branch ${markdownCode(branch)}`;
  const how = dry ? " (nothing was written or recorded)" : "";
  return `${accepted} of ${bundles.length} bundles merged onto ${markdownCode(onto.name)}${where}${how}`;
}
