/** What a run of operations came to. */
export interface Measured {
  operations: number;
  perSec: number;
  p50Us: number;
  p99Us: number;
}

export function summarize(latenciesMs: readonly number[], elapsedMs: number): Measured {
  const sorted = Float64Array.from(latenciesMs).toSorted();
  return {
    operations: sorted.length,
    perSec: (sorted.length / elapsedMs) * 1000,
    p50Us: percentile(sorted, 0.5) * 1000,
    p99Us: percentile(sorted, 0.99) * 1000,
  };
}

/** The median of each figure by itself. */
export function medians(runs: readonly Measured[]): Measured {
  const of = (figure: keyof Measured) => median(runs.map((run) => run[figure]));
  return { operations: of("operations"), perSec: of("perSec"), p50Us: of("p50Us"), p99Us: of("p99Us") };
}

export function median(numbers: readonly number[]): number {
  return percentile(Float64Array.from(numbers).toSorted(), 0.5);
}

/** The value below which `share` (0 to 1) of the sorted numbers lie; 0 of none. */
function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
