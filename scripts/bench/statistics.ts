import type { Measured } from "./load.ts";

/** The value below which `share` (0 to 1) of the sorted numbers lie; 0 of none. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export function median(numbers: readonly number[]): number {
  return percentile(
    numbers.toSorted((a, b) => a - b),
    0.5,
  );
}

/** The median of each figure by itself. */
export function medians(runs: readonly Measured[]): Measured {
  const of = (figure: keyof Measured) => median(runs.map((run) => run[figure]));
  return { operations: of("operations"), perSec: of("perSec"), p50Us: of("p50Us"), p99Us: of("p99Us") };
}
