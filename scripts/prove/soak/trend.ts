/** What was measured at one moment. */
export interface Sample {
  /** Since the start. */
  secs: number;
  memoryMb: number;
}

/** Long enough for garbage to be collected in each. */
const windowSecsMin = 8;
const windowsMax = 48;

/**
 * How memory goes, in MB an hour: the line of least squares through the least of each of the windows, as what lies above
 * that is garbage on its way. The first third, in which caches fill and code is compiled, does not count; what is left of a short run is one window, which has no slope.
 */
export function slopePerHour(samples: readonly Sample[]): number {
  const floors = floorsOf(samples);
  const meanSecs = mean(floors.map(({ secs }) => secs));
  const meanMb = mean(floors.map(({ memoryMb }) => memoryMb));
  let above = 0;
  let below = 0;
  for (const { secs, memoryMb } of floors) {
    above += (secs - meanSecs) * (memoryMb - meanMb);
    below += (secs - meanSecs) ** 2;
  }
  return below === 0 ? 0 : (above / below) * 3_600;
}

/** By how much the least of the last windows lies above that of the first ones. */
export function grownMb(samples: readonly Sample[]): number {
  const floors = floorsOf(samples).map(({ memoryMb }) => memoryMb);
  const third = Math.max(1, Math.floor(floors.length / 3));
  return Math.min(...floors.slice(-third)) - Math.min(...floors.slice(0, third));
}

function floorsOf(samples: readonly Sample[]): Sample[] {
  const counted = samples.slice(Math.floor(samples.length / 3));
  const secs = (counted.at(-1)?.secs ?? 0) - (counted[0]?.secs ?? 0);
  const windows = Math.max(1, Math.min(windowsMax, Math.floor(secs / windowSecsMin)));
  const width = Math.max(1, Math.ceil(counted.length / windows));
  const floors: Sample[] = [];
  for (let from = 0; from < counted.length; from += width) {
    const window = counted.slice(from, from + width);
    const [least] = window.toSorted((one, other) => one.memoryMb - other.memoryMb);
    if (least !== undefined) floors.push(least);
  }
  return floors;
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

/** What is kept of a journal of so many rows. */
export interface Kept {
  rows: number;
  databaseMb: number;
  walMb: number;
}

/**
 * What a row costs in the database's file, in bytes. The newest rows may stand in the log alone, and what stands there may
 * be in the file as well: of few rows that is much.
 */
export function rowBytes({ rows, databaseMb, walMb }: Kept): { least: number; most: number } {
  const perRow = (mb: number) => (mb / rows) * 1_048_576;
  return { least: perRow(databaseMb), most: perRow(databaseMb + walMb) };
}
