import { limits } from "../../protocol/limits.ts";
import { type FlatGlob, isAnyDepth } from "./glob.ts";
import { anyName, type NamePattern, namePattern, namesMeet } from "./name-pattern.ts";
import type { WorkBudget } from "../work-budget.ts";

/** Some paths, segment by segment. */
export interface PathPattern {
  /** False where a segment asks for a name that none is, as `[.]` does. */
  possible: boolean;
  absolute: boolean;
  steps: readonly Step[];
}

/** A segment, or any number of them. */
type Step = NamePattern | typeof anyDepth;
const anyDepth = "**";

export function pathPattern({ absolute, segments }: FlatGlob): PathPattern {
  const steps = segments.flatMap((segment, at): Step[] => {
    if (!isAnyDepth(segment)) return [namePattern(segment)];
    // At the end it stands for at least one.
    return at === segments.length - 1 ? [anyDepth, anyName] : [anyDepth];
  });
  return { possible: steps.every((step) => step === anyDepth || step.possible), absolute, steps };
}

/** The path of these names and, where `deep`, all that is under it. */
export function literalPattern(absolute: boolean, names: readonly string[], deep: boolean): PathPattern {
  const steps: Step[] = names.map((text) => namePattern([{ kind: "literal", text }]));
  return { possible: true, absolute, steps: deep ? [...steps, anyDepth] : steps };
}

/** Whether some path fits both. Each segment of one is compared with each of the other at the most once. */
export function pathsMeet(a: PathPattern, b: PathPattern, budget: WorkBudget): boolean {
  if (!a.possible || !b.possible) return false;
  if (a.absolute === b.absolute) return stepsMeet(a.steps, b.steps, budget);
  const [ofA, ofB] = [absoluteSteps(a), absoluteSteps(b)];
  return ofA !== null && ofB !== null && stepsMeet(ofA, ofB, budget);
}

/** The steps of an absolute path that fits; null where none does. */
function absoluteSteps({ absolute, steps }: PathPattern): readonly Step[] | null {
  const [first] = steps;
  if (absolute || first === anyDepth) return steps;
  // `*` may be what stands before the first `/`, which is nothing.
  return steps.length > 1 && first?.isAny === true ? steps.slice(1) : null;
}

function stepsMeet(a: readonly Step[], b: readonly Step[], budget: WorkBudget): boolean {
  // Of row `i`, place `j`: whether some path takes `a` to its step `i` and `b` to its step `j`.
  let [row, below] = rows;
  below.fill(0, 0, b.length + 1);
  below[0] = 1;
  for (let i = 0; i <= a.length; i++) {
    [row, below] = [below, row];
    below.fill(0, 0, b.length + 1);
    budget.spend(b.length + rowSteps);
    if (!follow(a[i], b, row, below, budget)) return false;
  }
  return row[b.length] === 1;
}

/** Kept, as making them costs more than all else about most patterns. No pattern has more steps. */
const rows: [Uint8Array, Uint8Array] = [new Uint8Array(limits.globCharsMax), new Uint8Array(limits.globCharsMax)];

/** What a row costs beside its places, in steps. */
const rowSteps = 5;

/** Notes where one more segment leads from a row, or none where there may be any number; false when no path goes on. */
function follow(
  one: Step | undefined,
  others: readonly Step[],
  row: Uint8Array,
  below: Uint8Array,
  budget: WorkBudget,
): boolean {
  let goesOn = false;
  for (let j = 0; j <= others.length; j++) {
    if (row[j] === 0) continue;
    goesOn = true;
    const other = others[j];
    if (one === anyDepth) below[j] = 1;
    if (other === anyDepth) row[j + 1] = 1;
    if (one === undefined || other === undefined) continue;
    if (one === anyDepth) row[j + 1] = 1;
    else if (other === anyDepth) below[j] = 1;
    else if (namesMeet(one, other, budget)) below[j + 1] = 1;
  }
  return goesOn;
}
