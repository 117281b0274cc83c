import { type Decision, isRefusal, type Unusable } from "../../core/decision.ts";
import type { HeldKey } from "../../core/model.ts";
import { keyBytes, type KeyRules, parseResourceKey, type ResourceKey } from "../../core/locks/resource-key.ts";
import type { WorkBudget } from "../../core/work-budget.ts";
import type { LockMode } from "../../protocol/types.ts";
import type { Reads } from "../../store/reads.ts";
import { Cache } from "../cache.ts";

/** What the keys that are remembered may take: ten thousand paths' worth, or a few dozen globs at the limits. */
const keysBytesMax = 64 << 20;
/** A refusal, beside its message. */
const refusalBytes = 500;

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
  readonly #read = new Cache<Decision<ResourceKey, Unusable>>(keysBytesMax);

  constructor(probe: CaseProbe) {
    this.#probe = probe;
  }

  /** How keys of a scope are read: as what is held of it was, and where nothing is, as the file system says. */
  ignoresCase(scope: string, reads: Reads): boolean {
    return reads.locks.ignoresCase(scope) ?? this.#probe(scope);
  }

  /** A key as a client wrote it. */
  read(written: string, scope: string, ignoreCase: boolean, budget: WorkBudget): Decision<ResourceKey, Unusable> {
    return this.#parse(written, { ignoreCase, scope: scope === "" ? "global" : "named" }, budget);
  }

  /** A key that may be of the original's kind: one that would be refused stands for itself alone. */
  readLenient(written: string, ignoreCase: boolean, budget: WorkBudget): ResourceKey {
    const key = this.#parse(written, { ignoreCase, scope: "global" }, budget);
    return isRefusal(key) ? { kind: "opaque", written, normal: written } : key;
  }

  #parse(written: string, rules: KeyRules, budget: WorkBudget): Decision<ResourceKey, Unusable> {
    const name = `${Number(rules.ignoreCase)}${rules.scope}:${written}`;
    const known = this.#read.get(name);
    if (known !== undefined) return known;
    budget.spend(readSteps(written, rules));
    const key = parseResourceKey(written, rules);
    this.#read.set(name, key, isRefusal(key) ? refusalBytes + 6 * key.message.length : keyBytes(key));
    return key;
  }

  /** What those that are remembered take by now. */
  get bytes(): number {
    return this.#read.bytes;
  }

  /** Gives it back. */
  forget(): void {
    this.#read.clear();
  }
}

/** What the store keeps of a key. */
export function heldKey(key: ResourceKey, scope: string, mode: LockMode, ignoreCase: boolean): HeldKey {
  return { resourceKey: key.written, normalKey: key.normal, scope, mode, ignoreCase };
}
