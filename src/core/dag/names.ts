import { type Decision, refuse } from "../decision.ts";
import { unknownDependency } from "./dag.ts";
import { uuidOf } from "../../protocol/uuid.ts";
import type { NewNode } from "../model.ts";

/** Ids of a task's nodes by name, as far as it has them; null for a name it does not have. */
export type IdByName = (name: string) => string | null;

/** The id a reference stands for: itself where it reads as one, which no name does. */
export function resolveRef(ref: string, idByName: IdByName): string | null {
  return uuidOf(ref) ?? idByName(ref);
}

/**
 * New nodes with their dependencies by id, where they may be given by name: of the call's own nodes, or of those the
 * task has already.
 */
export function resolveNames(
  nodes: readonly NewNode[],
  existing: IdByName,
): Decision<NewNode[], "DUPLICATE_ID" | "UNKNOWN_DEPENDENCY"> {
  const own = new Map<string, string>();
  for (const { id, name } of nodes) {
    if (name === null) continue;
    if (own.has(name)) return takenName(name, "the call gives it twice");
    if (existing(name) !== null) return takenName(name, "a node of the task has it already");
    own.set(name, id);
  }
  const resolved: NewNode[] = [];
  for (const node of nodes) {
    const dependencies: string[] = [];
    for (const ref of node.dependencies) {
      const id = resolveRef(ref, (name) => own.get(name) ?? existing(name));
      if (id === null) return unknownDependency(node.id, ref);
      dependencies.push(id);
    }
    resolved.push({ ...node, dependencies });
  }
  return resolved;
}

function takenName(name: string, why: string) {
  return refuse("DUPLICATE_ID", `node name ${JSON.stringify(name)} cannot be used: ${why}; choose another`, { name });
}
