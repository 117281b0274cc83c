import { statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { WorkBudget } from "../core/work-budget.ts";
import { limits } from "../protocol/limits.ts";
import { Cache } from "../service/cache.ts";

/** What scopes that are remembered may take. */
const scopesBytesMax = 2 << 20;

/** Which file a path is of, or null; links are followed. */
type Identify = (path: string) => Promise<string | null>;

/** What finding out may take: until nobody waits for it any more, and so many directories. */
export interface Effort {
  giveUp: AbortSignal;
  budget: WorkBudget;
}

/**
 * Tells of a scope whether its file system takes names that differ by case only for one, as git finds out at `git init`:
 * by asking for a path in the other case. A scope that is no path of this machine is told by the daemon's home, and so is
 * one that was not learned: a turn waits for no file system.
 */
export class CaseProbe {
  readonly #identify: Identify;
  readonly #ofHome: boolean;
  readonly #known = new Cache<boolean>(scopesBytesMax);
  /** A scope that no request named is being asked for. */
  #learnsBeside = false;

  constructor(home: string, identify: Identify = identity) {
    this.#identify = identify;
    this.#ofHome = ignoresCaseAt(home, identityNow);
  }

  ignoresCase(scope: string): boolean {
    const known = this.#known.get(scope);
    // One that no request named, such as that of a node's resources from before the start, is known the next time.
    if (known === undefined && this.isNew(scope)) void this.#learnBeside(scope);
    return known ?? this.#ofHome;
  }

  /** Whether a scope's file system is still to be asked. */
  isNew(scope: string): boolean {
    return scope.startsWith("/") && !this.#known.has(scope);
  }

  /** Asks the file system. What takes more than it may is not learned. */
  async learn(scope: string, { giveUp, budget }: Effort): Promise<void> {
    // Answers that come at once would leave no one else a turn.
    await new Promise((resolve) => setImmediate(resolve));
    // From the nearest directory that is there and has letters in its name.
    for (let path = scope, depth = 0; ; path = dirname(path), depth++) {
      budget.spend(1);
      if (giveUp.aborted || budget.isSpent) return;
      // So deep there is nothing, and nobody is to ask for it again.
      if (depth > limits.pathDepthMax) return this.#remember(scope, this.#ofHome);
      const other = inOtherCase(path);
      const found = await this.#identify(path);
      if (found !== null && other !== path) return this.#remember(scope, (await this.#identify(other)) === found);
      if (path === dirname(path)) return this.#remember(scope, false);
    }
  }

  /** One at a time: where a file system hangs, the others it would be asked for may be its as well. */
  async #learnBeside(scope: string): Promise<void> {
    if (this.#learnsBeside) return;
    this.#learnsBeside = true;
    const effort = { giveUp: new AbortController().signal, budget: new WorkBudget(limits.resolutionStepsMax) };
    await this.learn(scope, effort);
    this.#learnsBeside = false;
  }

  #remember(scope: string, ignoresCase: boolean): void {
    this.#known.set(scope, ignoresCase, 0);
  }
}

/** The same at once, for a place that is the daemon's own. */
function ignoresCaseAt(path: string, identify: (path: string) => string | null): boolean {
  const other = inOtherCase(path);
  const found = identify(path);
  if (found !== null && other !== path) return identify(other) === found;
  return path === dirname(path) ? false : ignoresCaseAt(dirname(path), identify);
}

function inOtherCase(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return (
    path.slice(0, path.length - name.length) + (name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase())
  );
}

async function identity(path: string): Promise<string | null> {
  try {
    const { dev, ino } = await stat(path);
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

function identityNow(path: string): string | null {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}
