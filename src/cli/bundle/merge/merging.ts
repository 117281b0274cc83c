import type { PrivateRepository } from "../../git/private-repository.ts";
import type { Checkout } from "../../git/checkout.ts";
import type { Compared } from "../comparison.ts";
import { failureText, passed, timedOut, type VerificationRun, verifyIn, type Verifying } from "../verification.ts";
import { spanText } from "../../text.ts";
import { pathsText } from "../text.ts";
import { commitBundle, type Committer } from "./branch.ts";
import { culpritAmong } from "./culprit.ts";
import { outcome, type Outcome } from "./report.ts";
import { Pairs } from "./pairs.ts";
import { type Bundle, type BundleTrees, ThreeWay, treesOf } from "./three-way.ts";
import { present } from "../../../protocol/present.ts";

type Advice = Compared["answer"]["bundles"][number];

/** How bundles are merged. */
export interface Merging {
  privateRepository: PrivateRepository;
  compared: Compared;
  /** The target's commit, and what the user calls it. */
  onto: { revision: string; name: string };
  committer: Committer;
  allowUnverified: boolean;
  /** Bundles that a person has chosen, whatever speaks for looking first, and why. */
  override: { ids: ReadonlySet<string>; reason: string } | null;
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
  readonly #pairs: Pairs;
  readonly #outcomes: Outcome[] = [];
  readonly #taken = new Set<string>();
  #tip: string;
  /** What was run at the tip; null where nothing was yet. */
  #verified: readonly VerificationRun[] | null = null;

  constructor(merging: Merging) {
    const { compared, privateRepository, onto } = merging;
    this.#merging = merging;
    this.#threeWay = new ThreeWay(privateRepository);
    this.#bundles = new Map(compared.bundles.map((bundle) => [bundle.bundle_id, bundle]));
    this.#pairs = new Pairs(compared);
    this.#advice = new Map(compared.answer.bundles.map((advice) => [advice.bundle_id, advice]));
    this.#tip = onto.revision;
  }

  begin(): Promise<void> {
    return this.#threeWay.follow(this.#tip);
  }

  async take(id: string): Promise<void> {
    this.#merging.verifying.controls.stop.throwIfAborted();
    const bundle = this.#bundles.get(id);
    const advice = this.#advice.get(id);
    if (bundle === undefined || advice === undefined || this.#taken.has(id)) return;
    this.#taken.add(id);
    for (const { bundle_id: inside } of advice.contains) await this.take(inside);
    this.#outcomes.push(await this.#outcomeOf(bundle, advice));
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
    const trees = await treesOf(this.#merging.privateRepository, bundle);
    if ("fault" in trees) return outcome(id, trees.final ? "rejected" : "left", trees.fault);
    const merged = await this.#threeWay.merge(trees, this.#tip);
    if ("conflicts" in merged) return this.#conflicting(bundle, trees, merged.conflicts);
    const chosen = this.#rejectedInside(advice) ?? this.#chosenInstead(advice);
    if (chosen !== null && !this.#isOverridden(id)) return chosen;
    if (merged.tree === (await this.#merging.privateRepository.treeOf(this.#tip))) return this.#contained(id);
    return this.#tryOut(bundle, trees, merged.tree);
  }

  /** What needs no merge to be told. */
  #unfit({ bundle_id: id, recommendation, reasons, verification }: Advice): Outcome | null {
    if (verification === "failed") return outcome(id, "rejected", reasons.join("; "));
    if (recommendation === "reject") {
      const double = this.#accepted().find((other) => this.#pairs.of(id, other)?.relation === "identical");
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
      const against = this.#pairs.inTheWay(id, this.#there(id), conflicts);
      const others = against.length === 0 ? "" : ` (${merged(against)} there)`;
      const reason = `it is stale: ${onto.name} changed since its base what it changes, too${others}, and git cannot merge ${where}`;
      return outcome(id, "rejected", reason, { ...more, against });
    }
    const against = this.#pairs.inTheWay(id, this.#accepted(), conflicts);
    const named = against.length === 0 ? "what was merged before it" : `${against.join(", ")}, merged before it`;
    return outcome(id, "rejected", `it conflicts in ${where} with ${named}`, {
      ...more,
      against,
    });
  }

  /** What was rejected comes in with nothing that was built on it. */
  #rejectedInside({ bundle_id: id, contains }: Advice): Outcome | null {
    const rejected = contains.find(({ bundle_id: inside, rejected: before }) => before || this.#isRejected(inside));
    if (rejected === undefined) return null;
    const { bundle_id: inside } = rejected;
    const advice = "submit it again without that, or merge it with --override REASON";
    return outcome(id, "left", `it contains ${inside}, which was rejected; ${advice}`, { against: [inside] });
  }

  /** In this merge; of one whose own verification failed the comparison has said whether that stops others. */
  #isRejected(id: string): boolean {
    const fate = this.#outcomes.find(({ bundleId }) => bundleId === id)?.fate;
    return fate === "rejected" && this.#advice.get(id)?.verification !== "failed";
  }

  #isOverridden(id: string): boolean {
    return this.#merging.override?.ids.has(id) === true;
  }

  /** What git would merge, and nobody should without looking: beside what is merged now, and what the target has. */
  #chosenInstead({ bundle_id: id, contradictions }: Advice): Outcome | null {
    const accepted = [...this.#there(id), ...this.#accepted()];
    const contrary = contradictions.find(({ bundle_id: other }) => accepted.includes(other));
    if (contrary !== undefined) {
      const { bundle_id: other, mine, theirs } = contrary;
      const reason = `it assumes ${JSON.stringify(mine)}, and ${other}, which was merged, ${JSON.stringify(theirs)}; ${choice}`;
      return outcome(id, "left", reason, { against: [other] });
    }
    const overlapping = accepted.find((other) => this.#pairs.of(id, other)?.relation === "overlapping");
    if (overlapping === undefined) return null;
    const why = this.#pairs.of(id, overlapping)?.ranges.find(({ reason }) => reason !== null)?.reason;
    const because = typeof why === "string" ? ` (${why})` : "";
    const reason = `git would merge it, but it overlaps with ${overlapping}, which was merged${because}; look, and ${choice}`;
    return outcome(id, "left", reason, { against: [overlapping] });
  }

  #contained(id: string): Outcome {
    const against = this.#accepted().filter(
      (other) => (this.#pairs.of(id, other)?.relation ?? "disjoint") !== "disjoint",
    );
    const where = this.#tip === this.#merging.onto.revision ? this.#merging.onto.name : "the branch";
    return outcome(id, "superseded", `everything it does is in ${where} already`, { against });
  }

  /** Merges it for good if the verification passes with it. */
  async #tryOut(bundle: Bundle, trees: BundleTrees, tree: string): Promise<Outcome> {
    const { privateRepository, committer } = this.#merging;
    const { bundle_id: id } = bundle;
    const commit = await commitBundle(privateRepository, bundle, tree, this.#tip, committer);
    const verification = await this.#verify(commit);
    if (timedOut(verification)) return this.#late(id, verification);
    if (!passed(verification)) return this.#broken(bundle, trees, verification);
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
    const { override } = this.#merging;
    return [...advice.reasons, ...(override?.ids.has(id) === true ? [`chosen all the same: ${override.reason}`] : [])];
  }

  /** It tells nothing of the bundle. */
  #late(id: string, verification: readonly VerificationRun[]): Outcome {
    const limit = spanText(this.#merging.verifying.timeLimitMs / 1000);
    const reason = `the verification did not end in ${limit}, which is no verdict; merge it with a longer --timeout`;
    return outcome(id, "left", reason, { verification });
  }

  /** To blame is a bundle without which the verification passes; else nothing is known of it. */
  async #broken(bundle: Bundle, trees: BundleTrees, verification: readonly VerificationRun[]): Promise<Outcome> {
    const { bundle_id: id } = bundle;
    this.#verified ??= await this.#verify(this.#tip);
    const what = failureText(verification);
    if (timedOut(this.#verified)) return this.#late(id, this.#verified);
    if (!passed(this.#verified)) {
      const reason = `the verification fails with it and without it: ${what}`;
      return outcome(id, "left", reason, { verification });
    }
    const { against, where } = await this.#blame(bundle, trees);
    return outcome(id, "rejected", `the verification ${where}: ${what}`, { verification, against });
  }

  /** Whether it fails alone, or with which of those that were merged before it. */
  async #blame(bundle: Bundle, trees: BundleTrees): Promise<{ against: string[]; where: string }> {
    const { privateRepository, committer, onto, verifying } = this.#merging;
    const before = this.#outcomes.flatMap(({ bundleId, mergedRevision }) =>
      mergedRevision === null ? [] : [{ bundleId, commit: mergedRevision }],
    );
    const alone = { against: [], where: `passes on ${onto.name}, and fails with it` };
    if (before.length === 0) return alone;
    verifying.controls.session.note(`looking for what ${bundle.bundle_id} fails with`);
    const culprit = await culpritAmong(
      [onto.revision, ...before.map(({ commit }) => commit)],
      async (commit, withIt) => {
        if (!withIt) return verdictOf(await this.#verify(commit));
        const merged = await this.#threeWay.merge(trees, commit);
        if ("conflicts" in merged) return null;
        return verdictOf(
          await this.#verify(await commitBundle(privateRepository, bundle, merged.tree, commit, committer)),
        );
      },
    );
    if (culprit === "alone") return { ...alone, where: `passes without it, and fails with it on ${onto.name} alone` };
    const other = culprit === null ? undefined : before[culprit - 1];
    if (other === undefined) {
      const all = before.map(({ bundleId }) => bundleId);
      return { against: all, where: "passes on what was merged before it, and fails with it" };
    }
    const where = `passes with it and with ${other.bundleId}, and fails with both of them`;
    return { against: [other.bundleId], where };
  }

  async #verify(commit: string): Promise<VerificationRun[]> {
    const { checkout, verifying } = this.#merging;
    if (checkout === null) return [];
    await checkout.to(commit);
    return verifyIn(checkout.path, verifying);
  }

  #accepted(): string[] {
    return this.#outcomes.filter(({ fate }) => fate === "accepted").map(({ bundleId }) => bundleId);
  }

  /** Bundles that the target has and a bundle's base has not. */
  #there(id: string): readonly string[] {
    const { base_revision: base } = present(this.#bundles.get(id), "bundle", id);
    return this.#merging.compared.acceptedSince[base] ?? [];
  }
}

/** `A was merged`, `A, B were merged`. */
const merged = (ids: readonly string[]) => `${ids.join(", ")} ${ids.length > 1 ? "were" : "was"} merged`;

const choice = "decide on it, or merge it with --override REASON";

const verdictOf = (runs: readonly VerificationRun[]) => (timedOut(runs) ? null : passed(runs));
