import { resolve as resolvePath } from "node:path";
import { WorkBudget } from "../core/work-budget.ts";
import {
  nameOfWord,
  type PlacedWord,
  type Placement,
  type Placements,
  readKeyWord,
  type ResolvedKey,
  Unresolvable,
} from "../protocol/key-words.ts";
import { limits } from "../protocol/limits.ts";
import { fileThreads } from "../native/libc.ts";
import { Resolver } from "../resolver/resolver.ts";
import type { Named } from "../service/locks/request-words.ts";
import type { CaseProbe, Effort } from "./case-probe.ts";
import { Seats } from "./seats.ts";

/** How long a request may wait for one of its keys to be resolved: a file system that hangs is not waited for longer. */
const patienceMs = 2_000;
/** Questions under way at once, which leave the daemon threads for files of its own. */
const atOnceMax = fileThreads - 4;
/** Of them those under one directory, which may be of one file system: as many threads as it takes when it hangs. */
const atOnceUnderMax = 2;

/** Resolves a word; aborted when nobody waits any more. */
type Resolve = (word: PlacedWord, giveUp: AbortSignal) => Promise<ResolvedKey>;

/** What else may be asked, and how. */
interface Options {
  probe: Pick<CaseProbe, "isNew" | "learn">;
  newResolve?: () => Resolve;
  patienceMs?: number;
}

/** One request's questions. */
interface Lookup extends Effort {
  found: Map<string, Placement>;
  /** Something was answered: the next may take its time. */
  goesOn: () => void;
}

/**
 * Finds out what requests name in the daemon's file system, beside its turns: what words stand for, and whether case counts
 * in scopes. Whatever the file system does costs the request that names it `patienceMs` at most, and others no more; a
 * path that hangs holds up those beside it alone.
 */
export class KeyPlaces {
  readonly #probe: Options["probe"];
  readonly #newResolve: () => Resolve;
  readonly #patienceMs: number;
  readonly #seats = new Seats(atOnceMax, atOnceUnderMax);

  constructor({ probe, newResolve = realFiles, patienceMs: patience = patienceMs }: Options) {
    this.#probe = probe;
    this.#newResolve = newResolve;
    this.#patienceMs = patience;
  }

  /** Whether it is still to be found out whether case counts in a scope. */
  isNew(scope: string): boolean {
    return this.#probe.isNew(scope);
  }

  /**
   * What the words stand for, each by its name: what was not found out in time says so. `gone` is aborted when nobody waits
   * for that any more.
   */
  async lookUp({ words, scopes }: Named, gone: AbortSignal): Promise<Placements> {
    const late = new AbortController();
    const patience = setTimeout(() => late.abort(), this.#patienceMs);
    const giveUp = AbortSignal.any([late.signal, gone]);
    const over = Promise.withResolvers<void>();
    giveUp.addEventListener("abort", () => over.resolve());
    const found = new Map<string, Placement>();
    const budget = new WorkBudget(limits.resolutionStepsMax);
    const work = this.#askAll(words, scopes, { found, giveUp, budget, goesOn: () => patience.refresh() });
    try {
      await Promise.race([work, over.promise]);
    } finally {
      clearTimeout(patience);
    }
    for (const word of words) {
      const name = nameOfWord(word);
      if (!found.has(name)) found.set(name, { fault: tooLate(word, this.#patienceMs), late: true });
    }
    // What comes after the answer is nobody's.
    return new Map(found);
  }

  async #askAll(words: readonly PlacedWord[], scopes: ReadonlySet<string>, lookup: Lookup): Promise<void> {
    const resolve = this.#newResolve();
    for (const word of words) {
      const known = lookup.found.get(nameOfWord(word));
      if (known === undefined)
        await this.#seats.run(neighbourhoods(word), lookup.giveUp, () => find(word, resolve, lookup));
      const placement = lookup.found.get(nameOfWord(word));
      // The request is refused for this one, whatever the others are.
      if (placement === undefined || "fault" in placement) return;
    }
    const resolved = Array.from(lookup.found.values(), (placement) => ("scope" in placement ? placement.scope : null));
    for (const scope of new Set([...scopes, ...resolved.filter((of) => of !== null)])) {
      if (!this.#probe.isNew(scope)) continue;
      await this.#seats.run(new Set([neighbourhood(scope)]), lookup.giveUp, () => this.#probe.learn(scope, lookup));
      lookup.goesOn();
    }
  }
}

async function find(word: PlacedWord, resolve: Resolve, { found, giveUp, goesOn }: Lookup): Promise<void> {
  const name = nameOfWord(word);
  try {
    found.set(name, await resolve(word, giveUp));
    goesOn();
  } catch (cause) {
    if (giveUp.aborted) return;
    const fault =
      cause instanceof Unresolvable
        ? cause.message
        : `${JSON.stringify(word.written)} cannot be looked at: ${String(cause)}`;
    found.set(name, { fault, late: false });
  }
}

/** Where file systems are mounted as a rule: the first two names of a path. */
const neighbourhood = (path: string): string => path.split("/", 3).join("/");

/** Where a word leads as it is written: under its directory, and where its own path says. */
function neighbourhoods({ written, cwd }: PlacedWord): Set<string> {
  const word = readKeyWord(written);
  const paths = "path" in word ? [cwd, resolvePath(cwd, word.path)] : [cwd];
  return new Set(paths.map(neighbourhood));
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
