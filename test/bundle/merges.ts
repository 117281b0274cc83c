import type { MergeReport, ReportedBundle } from "../../src/cli/bundle/merge/report.ts";
import { tenLines, type World } from "./world.ts";

export const files = { "a.txt": tenLines, "b.txt": tenLines, "c.txt": tenLines };

/** What a merge onto `main` reports that takes something, and verifies nothing. */
export function merge(world: World, ...words: string[]): Promise<MergeReport> {
  return world.json<MergeReport>(["bundle", "merge", "--onto", "main", ...words]);
}

/** The same for any merge. */
export async function tryMerge(world: World, ...words: string[]): Promise<{ exit: number; report: MergeReport }> {
  const { exit, out } = await world.agentd(["bundle", "merge", "--onto", "main", "--json", ...words]);
  return { exit, report: JSON.parse(out) as MergeReport };
}

/** What became of each owner's bundle. */
export function outcomes(report: MergeReport): Record<string, string> {
  return Object.fromEntries(report.bundles.map(({ owner, outcome }) => [owner, outcome]));
}

/** What is reported of an owner's bundle. */
export function of(report: MergeReport, owner: string): Partial<ReportedBundle> {
  return report.bundles.find((bundle) => bundle.owner === owner) ?? {};
}
