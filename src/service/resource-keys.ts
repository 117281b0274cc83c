import { type Decision, isRefusal } from "../core/decision.ts";
import type { HeldKey } from "../core/model.ts";
import { type KeyRules, parseResourceKey, type ResourceKey } from "../core/resource-key.ts";
import type { WorkBudget } from "../core/work-budget.ts";
import type { LockMode } from "../protocol/types.ts";
import type { Store } from "../store/store.ts";

/** Keys remembered at most; then all are forgotten, as those in use are soon read again. */
const keysMax = 50_000;

/** What it costs to read a key, in steps. */
function readSteps(written: string, { ignoreCase }: KeyRules): number {
  if (!written.startsWith("glob:")) return 30 + written.length;
  // Braces make a short glob long; a class takes up case by case.
  const each = written.includes("{") ? 50 : 10;
  return 500 + written.length * (ignoreCase && written.includes("[") ? 100 : each);
}

/** Whether file names of a scope that differ by case only are one file, as far as the machine can tell. */
export type CaseProbe = (scope: string) => boolean;

/** Reads resource keys, and remembers those it has read: reading a glob costs more than all else about a lock. */
export class ResourceKeys {
  readonly #probe: CaseProbe;
  readonly #read = new Map<string, Decision<ResourceKey>>();

  constructor(probe: CaseProbe) {
    this.#probe = probe;
  }

  /** How keys of a scope are read: as what is held of it was, and where nothing is, as the file system says. */
  ignoresCase(scope: string, store: Store): boolean {
    return store.ignoresCase(scope) ?? this.#probe(scope);
  }

  /** A key as a client wrote it. Refusals: those of `parseResourceKey`. */
  read(written: string, scope: string, ignoreCase: boolean, budget: WorkBudget): Decision<ResourceKey> {
    return this.#parse(written, { ignoreCase, scope: scope === "" ? "global" : "named" }, budget);
  }

  /** A key that may be of the original's kind: one that would be refused stands for itself alone. */
  readLenient(written: string, ignoreCase: boolean, budget: WorkBudget): ResourceKey {
    const key = this.#parse(written, { ignoreCase, scope: "global" }, budget);
    return isRefusal(key) ? { kind: "opaque", written, normal: written } : key;
  }

  #parse(written: string, rules: KeyRules, budget: WorkBudget): Decision<ResourceKey> {
    const name = `${Number(rules.ignoreCase)}${rules.scope}:${written}`;
    const known = this.#read.get(name);
    if (known !== undefined) return known;
    if (this.#read.size >= keysMax) this.#read.clear();
    budget.spend(readSteps(written, rules));
    const key = parseResourceKey(written, rules);
    this.#read.set(name, key);
    return key;
  }
}

/** What the store keeps of a key. */
export function heldKey(key: ResourceKey, scope: string, mode: LockMode, ignoreCase: boolean): HeldKey {
  return { resourceKey: key.written, normalKey: key.normal, scope, mode, ignoreCase };
}
