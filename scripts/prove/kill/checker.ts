import { dirname, join } from "node:path";
import { Disproved } from "../proof.ts";

/** What checker.py found. */
export interface Checked {
  ok: boolean;
  requests: number;
  unanswered: number;
  /** Attempts beyond the first, after an answer was lost. */
  repeated: number;
  /** Answers that said they were given before: the write had lasted, its answer had not. */
  replayed: number;
  rows: number;
  violations: { property: string; what: string }[];
}

const program = join(dirname(import.meta.dir), "checker.py");

/** Has the checker judge the histories and the journal in each directory. */
export async function check(...directories: string[]): Promise<Checked[]> {
  // -B: nothing is written beside the sources.
  const run = await Bun.$`python3 -B ${program} ${directories}`.nothrow().quiet();
  const lines = run.stdout.toString().trim().split("\n");
  if (run.stdout.length === 0 || lines.length !== directories.length)
    throw new Disproved(`the checker failed:\n${run.stderr.toString()}`);
  return lines.map((line) => JSON.parse(line) as Checked);
}
