import {
  nameOfWord,
  type PlacedWord,
  type Placement,
  type Placements,
  type ResolvedKey,
} from "../protocol/key-words.ts";
import type { Named } from "../service/request-words.ts";
import { Resolver } from "../resolver/resolver.ts";
import { Unresolvable } from "../resolver/unresolvable.ts";
import type { CaseProbe } from "./case-probe.ts";

/** How long a request may wait for one of its keys to be resolved: a file system that hangs is not waited for longer. */
const patienceMs = 2_000;
/** Requests whose keys are resolved at once. One that hangs keeps its place until the file system answers. */
const atOnceMax = 4;

/** Resolves a word; aborted when nobody waits any more. */
type Resolve = (word: PlacedWord, giveUp: AbortSignal) => Promise<ResolvedKey>;

/** What else may be asked, and how. */
interface Options {
  probe: Pick<CaseProbe, "isNew" | "learn">;
  newResolve?: () => Resolve;
  patienceMs?: number;
}

/**
 * Finds out what requests name in the daemon's file system, beside its turns: what words stand for, and whether case counts
 * in scopes. Whatever the file system does costs the request that names it `patienceMs` at most, and others no more.
 */
export class KeyPlaces {
  readonly #probe: Options["probe"];
  readonly #newResolve: () => Resolve;
  readonly #patienceMs: number;
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor({ probe, newResolve = realFiles, patienceMs: patience = patienceMs }: Options) {
    this.#probe = probe;
    this.#newResolve = newResolve;
    this.#patienceMs = patience;
  }

  /** Whether the file system has to be asked for these. */
  isNeededFor({ words, scopes }: Named): boolean {
    return words.length > 0 || [...scopes].some((scope) => this.#probe.isNew(scope));
  }

  /** What the words stand for, each by its name. Never rejects: what was not found out says so. */
  async lookUp({ words, scopes }: Named): Promise<Placements> {
    const found = new Map<string, Placement>();
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const late = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => late.resolve());
    const patience = setTimeout(() => giveUp.abort(), this.#patienceMs);
    const goesOn = () => patience.refresh();
    const work = async () => {
      await this.#resolveAll(words, found, signal, goesOn);
      const resolved = Array.from(found.values(), (placement) => ("scope" in placement ? placement.scope : null));
      await this.#learnAll(new Set([...scopes, ...resolved.filter((scope) => scope !== null)]), signal, goesOn);
    };
    await Promise.race([this.#inPlace(signal, work), late.promise]);
    clearTimeout(patience);
    for (const word of words) {
      const name = nameOfWord(word);
      if (!found.has(name)) found.set(name, { fault: tooLate(word, this.#patienceMs), late: true });
    }
    // What comes after the answer is nobody's.
    return new Map(found);
  }

  async #learnAll(scopes: ReadonlySet<string>, giveUp: AbortSignal, goesOn: () => void): Promise<void> {
    for (const scope of scopes) {
      if (giveUp.aborted) return;
      if (this.#probe.isNew(scope)) await this.#probe.learn(scope);
      goesOn();
    }
  }

  async #inPlace(giveUp: AbortSignal, work: () => Promise<void>): Promise<void> {
    if (this.#busy >= atOnceMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#busy++;
    try {
      if (!giveUp.aborted) await work();
    } finally {
      // The place goes on to the next in line.
      const next = this.#waiting.shift();
      if (next === undefined) this.#busy--;
      else next();
    }
  }

  async #resolveAll(
    words: readonly PlacedWord[],
    found: Map<string, Placement>,
    giveUp: AbortSignal,
    goesOn: () => void,
  ): Promise<void> {
    const resolve = this.#newResolve();
    for (const word of words) {
      const name = nameOfWord(word);
      if (found.has(name)) continue;
      try {
        found.set(name, await resolve(word, giveUp));
        goesOn();
      } catch (cause) {
        if (giveUp.aborted) return;
        const fault =
          cause instanceof Unresolvable
            ? cause.message
            : `${JSON.stringify(word.written)} cannot be looked at: ${String(cause)}`;
        // The request is refused for this one, whatever the others are.
        found.set(name, { fault, late: false });
        return;
      }
    }
  }
}

function realFiles(): Resolve {
  let resolver: Resolver | undefined;
  return ({ written, cwd }, giveUp) => {
    resolver ??= new Resolver(giveUp);
    return resolver.key(written, cwd);
  };
}

function tooLate({ written, cwd }: PlacedWord, ms: number): string {
  return `${JSON.stringify(written)} cannot be read from ${cwd}: its file system did not answer within ${ms} ms; try again, or name scope and key`;
}
