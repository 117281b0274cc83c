import type { Scratch } from "../../git/scratch.ts";
import type { Checkout } from "../../git/checkout.ts";
import type { Compared } from "../comparison.ts";
import { failureText, passed, type VerificationRun, type Verifying, verifyIn } from "../verification.ts";
import { pathsText } from "../text.ts";
import { commitBundle, type Committer } from "./commit.ts";
import { outcome, type Outcome } from "./outcome.ts";
import { ThreeWay } from "./three-way.ts";
import { type Bundle, type BundleTrees, treesOf } from "./tree.ts";

type Advice = Compared["answer"]["bundles"][number];
type Pair = Compared["answer"]["pairs"][number];

/** How bundles are merged. */
export interface Merging {
  scratch: Scratch;
  compared: Compared;
  /** The target's commit, and what the user calls it. */
  onto: { revision: string; name: string };
  committer: Committer;
  allowUnverified: boolean;
  verifying: Verifying;
  /** Where verification runs; null where there is none. */
  checkout: Checkout | null;
}

/** What came of it: a commit on top of the target, the target itself where nothing was taken. */
export interface MergeResult {
  tip: string;
  outcomes: Outcome[];
  /** What was run last with everything that was taken. */
  verification: readonly VerificationRun[];
}

/**
 * Merges bundles in the recommended order, each onto those before it. A bundle git cannot merge is set aside, and so is
 * one that nobody verified, and one the verification fails with: it is taken out again.
 */
export async function mergeBundles(merging: Merging): Promise<MergeResult> {
  const run = new Run(merging);
  await run.begin();
  const { bundles, merge_order: order } = merging.compared.answer;
  const rest = bundles.map(({ bundle_id: id }) => id).filter((id) => !order.includes(id));
  for (const id of [...order, ...rest]) await run.take(id);
  return run.result();
}

class Run {
  readonly #merging: Merging;
  readonly #threeWay: ThreeWay;
  readonly #bundles: ReadonlyMap<string, Bundle>;
  readonly #advice: ReadonlyMap<string, Advice>;
  readonly #pairs: ReadonlyMap<string, Pair>;
  readonly #outcomes: Outcome[] = [];
  #tip: string;
  /** What was run at the tip; null where nothing was yet. */
  #verified: readonly VerificationRun[] | null = null;

  constructor(merging: Merging) {
    const { compared, scratch, onto } = merging;
    this.#merging = merging;
    this.#threeWay = new ThreeWay(scratch);
    this.#bundles = new Map(compared.bundles.map((bundle) => [bundle.bundle_id, bundle]));
    this.#pairs = new Map(
      compared.answer.pairs.flatMap((pair) => [
        [`${pair.a} ${pair.b}`, pair],
        [`${pair.b} ${pair.a}`, pair],
      ]),
    );
    this.#advice = new Map(compared.answer.bundles.map((advice) => [advice.bundle_id, advice]));
    this.#tip = onto.revision;
  }

  begin(): Promise<void> {
    return this.#threeWay.follow(this.#tip);
  }

  async take(id: string): Promise<void> {
    this.#merging.verifying.wishes.stop.throwIfAborted();
    const bundle = this.#bundles.get(id);
    const advice = this.#advice.get(id);
    if (bundle !== undefined && advice !== undefined) this.#outcomes.push(await this.#outcomeOf(bundle, advice));
  }

  result(): MergeResult {
    return { tip: this.#tip, outcomes: this.#outcomes, verification: this.#verified ?? [] };
  }

  async #outcomeOf(bundle: Bundle, advice: Advice): Promise<Outcome> {
    const { bundle_id: id } = bundle;
    const { status } = advice;
    if (status !== "SUBMITTED") return outcome(id, "left", `it is ${status} already`);
    const before = this.#unfit(advice);
    if (before !== null) return before;
    const trees = await treesOf(this.#merging.scratch, bundle);
    if ("fault" in trees) return outcome(id, trees.final ? "rejected" : "left", trees.fault);
    const merged = await this.#threeWay.merge(trees, this.#tip);
    if ("conflicts" in merged) return this.#conflicting(bundle, trees, merged.conflicts);
    const chosen = this.#chosenInstead(advice);
    if (chosen !== null) return chosen;
    if (merged.tree === (await this.#treeOf(this.#tip))) return this.#contained(id);
    return this.#tryOut(bundle, merged.tree);
  }

  /** What needs no merge to be told. */
  #unfit({ bundle_id: id, recommendation, reasons, verification }: Advice): Outcome | null {
    if (verification === "failed") return outcome(id, "rejected", reasons.join("; "));
    if (recommendation === "reject") {
      const double = this.#accepted().find((other) => this.#pair(id, other)?.relation === "identical");
      if (double !== undefined)
        return outcome(id, "superseded", `it does the same as ${double}, which was merged`, { against: [double] });
    }
    if (verification === "missing" && !this.#merging.allowUnverified) {
      const advice = "submit it again with --verify, or merge with --allow-unverified";
      return outcome(id, "left", `nobody has verified it; ${advice}`);
    }
    return null;
  }

  async #conflicting({ bundle_id: id }: Bundle, trees: BundleTrees, conflicts: string[]): Promise<Outcome> {
    const { onto } = this.#merging;
    const alone = await this.#threeWay.merge(trees, onto.revision);
    const where = pathsText(conflicts);
    const more = { conflicts, needsRebase: true };
    if ("conflicts" in alone) {
      const reason = `it is stale: ${onto.name} changed since its base what it changes, too, and git cannot merge ${where}`;
      return outcome(id, "rejected", reason, more);
    }
    const pairs = this.#accepted().flatMap((other) => {
      const pair = this.#pair(id, other);
      return pair === undefined ? [] : [{ other, pair }];
    });
    const against = inTheWay(pairs, conflicts);
    const named = against.length === 0 ? "what was merged before it" : against.join(", ");
    return outcome(id, "rejected", `it conflicts in ${where} with ${named}, which was merged first`, {
      ...more,
      against,
    });
  }

  /** What git would merge, and nobody should without looking. */
  #chosenInstead({ bundle_id: id, contradictions }: Advice): Outcome | null {
    const accepted = this.#accepted();
    const contrary = contradictions.find(({ bundle_id: other }) => accepted.includes(other));
    if (contrary !== undefined) {
      const { bundle_id: other, mine, theirs } = contrary;
      const reason = `it assumes ${JSON.stringify(mine)}, and ${other}, which was merged, ${JSON.stringify(theirs)}; choose`;
      return outcome(id, "left", reason, { against: [other] });
    }
    const overlapping = accepted.find((other) => this.#pair(id, other)?.relation === "overlapping");
    if (overlapping === undefined) return null;
    const why = this.#pair(id, overlapping)?.ranges.find(({ reason }) => reason !== null)?.reason;
    const because = typeof why === "string" ? ` (${why})` : "";
    const reason = `git would merge it, but it overlaps with ${overlapping}, which was merged${because}; look, and choose`;
    return outcome(id, "left", reason, { against: [overlapping] });
  }

  #contained(id: string): Outcome {
    const against = this.#accepted().filter((other) => (this.#pair(id, other)?.relation ?? "disjoint") !== "disjoint");
    const where = this.#tip === this.#merging.onto.revision ? this.#merging.onto.name : "the branch";
    return outcome(id, "superseded", `everything it does is in ${where} already`, { against });
  }

  /** Merges it for good if the verification passes with it. */
  async #tryOut(bundle: Bundle, tree: string): Promise<Outcome> {
    const { scratch, committer } = this.#merging;
    const { bundle_id: id } = bundle;
    const commit = await commitBundle(scratch, bundle, tree, this.#tip, committer);
    const verification = await this.#verify(commit);
    if (!passed(verification)) return this.#broken(id, verification);
    this.#tip = commit;
    this.#verified = verification;
    if (bundle.touched_paths.some((path) => path.endsWith(".gitattributes"))) await this.#threeWay.follow(commit);
    const how = verification.length === 0 ? "git merges it" : "git merges it, and the verification passes";
    const reason = [how, ...this.#caveats(id)].join("; ");
    return outcome(id, "accepted", reason, { mergedRevision: commit, verification });
  }

  /** What else there is to know of a bundle that was taken. */
  #caveats(id: string): readonly string[] {
    const advice = this.#advice.get(id);
    if (advice === undefined || (advice.recommendation === "merge" && advice.stale !== true)) return [];
    return advice.reasons;
  }

  /** To blame is a bundle without which the verification passes; else nothing is known of it. */
  async #broken(id: string, verification: readonly VerificationRun[]): Promise<Outcome> {
    this.#verified ??= await this.#verify(this.#tip);
    const what = failureText(verification);
    if (!passed(this.#verified)) {
      const reason = `the verification fails with it and without it: ${what}`;
      return outcome(id, "left", reason, { verification });
    }
    const against = this.#accepted();
    const onto = against.length === 0 ? this.#merging.onto.name : "what was merged before it";
    const reason = `the verification passes on ${onto}, and fails with it: ${what}`;
    return outcome(id, "rejected", reason, { verification, against });
  }

  async #verify(commit: string): Promise<VerificationRun[]> {
    const { checkout, verifying } = this.#merging;
    if (checkout === null) return [];
    await checkout.to(commit);
    return verifyIn(checkout.path, verifying);
  }

  #treeOf(commit: string): Promise<string> {
    return this.#merging.scratch.text(["rev-parse", "--verify", `${commit}^{tree}`]);
  }

  #accepted(): string[] {
    return this.#outcomes.filter(({ fate }) => fate === "accepted").map(({ bundleId }) => bundleId);
  }

  #pair(one: string, other: string): Pair | undefined {
    return this.#pairs.get(`${one} ${other}`);
  }
}

/** Of these pairs' partners those that stand in a bundle's way at one of the paths, or wherever, if none does there. */
function inTheWay(pairs: readonly { other: string; pair: Pair }[], paths: readonly string[]): string[] {
  const meeting = pairs.filter(({ pair }) => pair.relation === "overlapping" || pair.relation === "unknown");
  const there = meeting.filter(({ pair }) =>
    pair.ranges.some(({ path, other_path: otherPath }) => paths.includes(path) || paths.includes(otherPath ?? path)),
  );
  return (there.length > 0 ? there : meeting).map(({ other }) => other);
}
