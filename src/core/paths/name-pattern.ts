import { type Automaton, automatonOf, intersect } from "./automaton.ts";
import { type CharacterSet, codePointOf, common, contains } from "./character-set.ts";
import { literalOf, type Segment } from "./glob.ts";
import { WorkBudget } from "../work-budget.ts";

/** What one segment of a path may be called. */
export interface NamePattern {
  /** The one name it matches; null where it has wildcards. */
  literal: string | null;
  /** Whether every name fits. */
  isAny: boolean;
  /** Whether any name does. */
  possible: boolean;
  /** One character each, or a run of any; null where one character may be spelled as several. */
  cells: readonly Cell[] | null;
  hasRun: boolean;
  automaton(): Automaton;
}

/** A code point, some of them, or a run of any. */
type Cell = number | CharacterSet | typeof run;
const run = "*";

export function namePattern(segment: Segment): NamePattern {
  let made: Automaton | undefined;
  const literal = literalOf(segment);
  // That of one name is soon made, and of long names much.
  const automaton = () => (literal === null ? (made ??= automatonOf(segment)) : automatonOf(segment));
  const isAny = segment.length === 1 && segment[0]?.kind === "*";
  const possible = literal !== null || isAny || isPossible(segment, automaton);
  const cells = cellsOf(segment);
  const hasRun = cells?.includes(run) ?? false;
  return { literal, isAny, possible, cells, hasRun, automaton };
}

export const anyName = namePattern([{ kind: "*" }]);

/** Whether each part has a character, and they are not all dots. */
function isPossible(segment: Segment, automaton: () => Automaton): boolean {
  if (segment.some((token) => token.kind === "oneOf" && token.set.length + token.several.length === 0)) return false;
  return segment.length > 2 || intersect(automaton(), anyName.automaton(), new WorkBudget(0));
}

function cellsOf(segment: Segment): Cell[] | null {
  const cells: Cell[] = [];
  for (const token of segment) {
    if (token.kind === "literal") for (const character of token.text) cells.push(codePointOf(character));
    else if (token.kind !== "oneOf") cells.push(run);
    else if (token.several.length > 0) return null;
    else cells.push(token.set);
  }
  return cells;
}

/** Whether some name fits both; `.` and `..` are none. */
export function namesMeet(a: NamePattern, b: NamePattern, budget: WorkBudget): boolean {
  budget.spend(1);
  if (a.literal !== null && b.literal !== null) return a.literal === b.literal;
  if (a.cells === null || b.cells === null) return intersect(a.automaton(), b.automaton(), budget);
  if (a.hasRun && b.hasRun) return endsMeet(a.cells, b.cells, budget);
  const fixed = a.hasRun ? b.cells : a.cells;
  const other = a.hasRun ? a.cells : b.cells;
  // Of names this short it has to be known whether they can be anything but dots.
  if (fixed.length <= 2 && a.literal === null && b.literal === null)
    return intersect(a.automaton(), b.automaton(), budget);
  return fits(fixed, other, budget);
}

/**
 * Two patterns with runs meet when they agree up to the first run of either and from the last one on: what is between is
 * room enough for all that both want, one after the other.
 */
function endsMeet(a: readonly Cell[], b: readonly Cell[], budget: WorkBudget): boolean {
  return cellsAgree(a, 0, b, 0, 1, budget) && cellsAgree(a, a.length - 1, b, b.length - 1, -1, budget);
}

/** Whether two patterns agree from these places on, up to a run. */
function cellsAgree(
  a: readonly Cell[],
  fromA: number,
  b: readonly Cell[],
  fromB: number,
  step: 1 | -1,
  budget: WorkBudget,
): boolean {
  for (let i = fromA, j = fromB; ; i += step, j += step) {
    const one = a[i];
    const other = b[j];
    if (one === undefined || other === undefined || one === run || other === run) return true;
    if (!cellsMeet(one, other, budget)) return false;
  }
}

/** Whether a pattern fits one without runs. Each character is tried for itself, so that the first fit of a part will do. */
function fits(fixed: readonly Cell[], pattern: readonly Cell[], budget: WorkBudget): boolean {
  let next = 0;
  let lastRun = -1;
  let fromHere = 0;
  for (let at = 0; at < fixed.length;) {
    const one = fixed[at];
    const other = pattern[next];
    if (other === run) {
      lastRun = next++;
      fromHere = at;
    } else if (one !== undefined && one !== run && other !== undefined && cellsMeet(one, other, budget)) {
      at++;
      next++;
    } else {
      if (lastRun === -1) return false;
      next = lastRun + 1;
      at = ++fromHere;
    }
  }
  while (pattern[next] === run) next++;
  return next === pattern.length;
}

function cellsMeet(a: number | CharacterSet, b: number | CharacterSet, budget: WorkBudget): boolean {
  if (typeof a === "number") {
    budget.spend(1);
    if (typeof b === "number") return a === b;
    budget.spend(b.length);
    return contains(b, a);
  }
  if (typeof b === "number") return cellsMeet(b, a, budget);
  budget.spend(a.length + b.length);
  return common(a, b) !== 0;
}
