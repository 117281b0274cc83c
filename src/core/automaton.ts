import { anyCharacter, type CharacterSet, Common, common, nameCharacter, slashOnly } from "./character-set.ts";
import { isAnyDepth, type PathPattern, type Token } from "./glob.ts";

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

/** The automaton of the paths that fit any of the patterns. Written from the end: each part knows what follows it. */
export function automatonOf(patterns: readonly PathPattern[]): Automaton {
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
    if (token.kind !== "oneOf") return loop(token.kind === "*" ? nameCharacter : anyCharacter, to);
    const several = token.several.map(({ first, rest }): Edge => ({ by: first, to: spell(rest, to) }));
    return [state({ by: token.set, to }, ...several)];
  };

  const starts = patterns.flatMap(({ absolute, segments }) => {
    let next: readonly number[] = [accepted];
    segments.toReversed().forEach((segment, after) => {
      const slash = after === 0 ? next : step(slashOnly, next);
      if (after > 0 && isAnyDepth(segment)) next = [...loop(anyCharacter, slash), ...next];
      else next = segment.reduceRight((to, token) => tokenThen(token, to), slash);
    });
    return absolute ? step(slashOnly, next) : next;
  });
  return { starts, edges };
}

const exactly = (character: string): CharacterSet => {
  const codePoint = character.codePointAt(0) ?? 0;
  return [codePoint, codePoint];
};

/** What has paths. */
interface Language {
  paths(): Automaton;
}

/** Pairs of states that are looked at before patterns count as overlapping undecided. */
export const pairsMax = 10_000;

/**
 * Whether some two languages of a pair have a path in common. Exact, unless more than `pairsMax` pairs of states can be
 * reached; then true.
 */
export function intersect(pairs: readonly (readonly [Language, Language])[]): boolean {
  let looked = 0;
  for (const [a, b] of pairs) {
    looked += search(a.paths(), b.paths(), pairsMax - looked);
    if (looked > pairsMax) return true;
  }
  return false;
}

/**
 * Looks through the product of two automata and of that of well-formed paths (no empty segment, none that is `.` or `..`).
 * How many states it looked at, when no path leads to acceptance; more than `max` when one does or may.
 */
function search(a: Automaton, b: Automaton, max: number): number {
  const seen = new Set<number>();
  const open: [inA: number, inB: number, shape: Shape][] = [];
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
    const shared = common(edgeA.by, edgeB.by);
    if (shared & Common.slash && takesSlash(shape)) reach(edgeA.to, edgeB.to, Shape.segmentStart);
    if (shared & Common.dot) reach(edgeA.to, edgeB.to, afterDot[shape]);
    if (shared & Common.other) reach(edgeA.to, edgeB.to, Shape.name);
  };

  reach(a.starts, b.starts, Shape.empty);
  for (let pair = open.pop(); pair !== undefined && seen.size <= max; pair = open.pop()) {
    const [inA, inB, shape] = pair;
    if (inA === accepted && inB === accepted && shape === Shape.name) return Infinity;
    for (const edgeA of a.edges[inA] ?? []) for (const edgeB of b.edges[inB] ?? []) follow(edgeA, edgeB, shape);
  }
  return seen.size;
}

/** How far a path has come: what its last segment consists of until now. */
const Shape = { empty: 0, segmentStart: 1, dot: 2, dotDot: 3, name: 4 } as const;
type Shape = (typeof Shape)[keyof typeof Shape];
const shapes = 5;

const afterDot: Record<Shape, Shape> = {
  [Shape.empty]: Shape.dot,
  [Shape.segmentStart]: Shape.dot,
  [Shape.dot]: Shape.dotDot,
  [Shape.dotDot]: Shape.name,
  [Shape.name]: Shape.name,
};

/** A path may begin with `/`, and goes on after a name. */
const takesSlash = (shape: Shape) => shape === Shape.empty || shape === Shape.name;
