import type { Compared } from "../comparison.ts";

type Pair = Compared["answer"]["pairs"][number];

/** How bundles stand to each other, and to those the target has. */
export class Pairs {
  readonly #pairs: ReadonlyMap<string, Pair>;
  /** What each bundle touches. */
  readonly #paths: ReadonlyMap<string, readonly string[]>;

  constructor({ bundles, answer }: Compared) {
    const both = answer.pairs.flatMap((pair): [string, Pair][] => [
      [`${pair.a} ${pair.b}`, pair],
      [`${pair.b} ${pair.a}`, pair],
    ]);
    this.#pairs = new Map(both);
    this.#paths = new Map(bundles.map(({ bundle_id: id, touched_paths: paths }) => [id, paths]));
  }

  of(one: string, other: string): Pair | undefined {
    return this.#pairs.get(`${one} ${other}`);
  }

  /** Of bundles that were merged those that stand in another's way at these paths: where it conflicts, somebody does. */
  inTheWay(id: string, merged: readonly string[], paths: readonly string[]): string[] {
    const pairs = merged.flatMap((other) => {
      const pair = this.of(id, other);
      return pair === undefined ? [] : [{ other, pair }];
    });
    const meeting = pairs.filter(({ pair }) => pair.relation === "overlapping" || pair.relation === "unknown");
    const there = meeting.filter(({ pair }) =>
      pair.ranges.some(({ path, other_path: otherPath }) => paths.includes(path) || paths.includes(otherPath ?? path)),
    );
    const found = there.length > 0 ? there : meeting;
    if (found.length > 0) return found.map(({ other }) => other);
    return merged.filter((other) => this.#paths.get(other)?.some((path) => paths.includes(path)));
  }
}
