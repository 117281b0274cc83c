import { type CharacterSet, codePointOf, Common, common, nameCharacter } from "./character-set.ts";
import type { Segment, Token } from "./glob.ts";
import { present } from "../../protocol/present.ts";
import type { WorkBudget } from "../work-budget.ts";

/** A way on from a state: by any of these characters, into all of these states at once. */
interface Edge {
  by: CharacterSet;
  to: readonly number[];
}

/** A nondeterministic finite automaton without empty moves; state 0 accepts and leads nowhere. */
export interface Automaton {
  starts: readonly number[];
  edges: readonly (readonly Edge[])[];
}

const accepted = 0;

/** The automaton of the names that fit a segment. Written from the end: each part knows what follows it. */
export function automatonOf(segment: Segment): Automaton {
  const edges: Edge[][] = [[]];

  const state = (...out: Edge[]) => edges.push(out) - 1;
  const step = (by: CharacterSet, to: readonly number[]) => [state({ by, to })];
  const loop = (by: CharacterSet, to: readonly number[]) => {
    const self = edges.length;
    return [state({ by, to: [self, ...to] }), ...to];
  };
  const spell = (text: string, to: readonly number[]) =>
    Array.from(text, exactly).reduceRight<readonly number[]>((next, by) => step(by, next), to);

  const tokenThen = (token: Token, to: readonly number[]): readonly number[] => {
    if (token.kind === "literal") return spell(token.text, to);
    if (token.kind !== "oneOf") return loop(nameCharacter, to);
    const several = token.several.map(({ first, rest }): Edge => ({ by: first, to: spell(rest, to) }));
    return [state({ by: token.set, to }, ...several)];
  };

  const starts = segment.reduceRight((to, token) => tokenThen(token, to), [accepted] as readonly number[]);
  return { starts, edges };
}

const exactly = (character: string): CharacterSet => {
  const codePoint = codePointOf(character);
  return [codePoint, codePoint];
};

/** Steps that one search may take before names count as meeting undecided. */
export const searchStepsMax = 200_000;

/**
 * Looks through the product of two automata and of that of names (neither `.` nor `..`) whether one leads to acceptance.
 * Exact, unless that takes more than `searchStepsMax`; then true.
 */
export function intersect(a: Automaton, b: Automaton, budget: WorkBudget): boolean {
  const seen = new Set<number>();
  const open: [inA: number, inB: number, shape: Shape][] = [];
  const search = { steps: 0, isMet: false };
  const reach = (statesA: readonly number[], statesB: readonly number[], shape: Shape) => {
    for (const inA of statesA)
      for (const inB of statesB) {
        const pair = (inA * b.edges.length + inB) * shapes + shape;
        if (seen.has(pair)) continue;
        seen.add(pair);
        open.push([inA, inB, shape]);
      }
  };
  const follow = (edgeA: Edge, edgeB: Edge, shape: Shape) => {
    search.steps += edgeA.by.length + edgeB.by.length;
    const shared = common(edgeA.by, edgeB.by);
    if (shared & Common.dot) reach(edgeA.to, edgeB.to, afterDot[shape]);
    if (shared & Common.other) reach(edgeA.to, edgeB.to, Shape.name);
  };

  reach(a.starts, b.starts, Shape.empty);
  while (!search.isMet && search.steps <= searchStepsMax) {
    const pair = open.pop();
    if (pair === undefined) break;
    const [inA, inB, shape] = pair;
    search.isMet = inA === accepted && inB === accepted && shape === Shape.name;
    for (const edgeA of edgesOf(a, inA)) for (const edgeB of edgesOf(b, inB)) follow(edgeA, edgeB, shape);
  }
  budget.spend(search.steps + pairSteps * seen.size);
  return search.isMet || search.steps > searchStepsMax;
}

const edgesOf = ({ edges }: Automaton, state: number) => present(edges[state], "a state of an automaton");

/** What it costs to come to a pair of states, in steps. */
const pairSteps = 8;

/** What a name consists of until now. */
const Shape = { empty: 0, dot: 1, dotDot: 2, name: 3 } as const;
type Shape = (typeof Shape)[keyof typeof Shape];
const shapes = 4;

const afterDot: Record<Shape, Shape> = {
  [Shape.empty]: Shape.dot,
  [Shape.dot]: Shape.dotDot,
  [Shape.dotDot]: Shape.name,
  [Shape.name]: Shape.name,
};
