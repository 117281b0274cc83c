import { type Refusal, refuse } from "../decision.ts";
import type { Kind, Payload } from "../../protocol/transitions.ts";
import type { TaskPolicy } from "../model.ts";

const bundleSubmitted = "SUBMIT_PATCH_BUNDLE" satisfies Kind;

/** Each demand: its name on the wire, and which entry of the journal meets it. */
const demands = [
  ["requireIntent", "require_intent", "intent"],
  ["requireProgress", "require_progress", "progress"],
  ["requireResult", "require_result", "result"],
  ["requireBundle", "require_bundle", bundleSubmitted],
] as const satisfies readonly (readonly [keyof TaskPolicy, string, string])[];

export const noPolicy: TaskPolicy = {
  requireIntent: false,
  requireProgress: false,
  requireResult: false,
  requireBundle: false,
};

/** Whether the policy demands anything. */
export function demandsAny(policy: TaskPolicy): boolean {
  return demands.some(([field]) => policy[field]);
}

/** The journal's entries that meet the policy's demands. */
export function demandedActions(policy: TaskPolicy): string[] {
  return demands.filter(([field]) => policy[field]).map(([, , action]) => action);
}

/** A node may not be completed while something is missing that its task demands. */
export function checkPolicy(
  policy: TaskPolicy,
  nodeId: string,
  told: ReadonlySet<string>,
): Refusal<"POLICY_UNMET"> | null {
  const missing = demands.filter(([field, , action]) => policy[field] && !told.has(action));
  if (missing.length === 0) return null;
  const wanted = missing.map(([, , action]) => (action === bundleSubmitted ? "a patch bundle" : `an event ${action}`));
  const message = `node ${nodeId} cannot be completed: its task requires ${wanted.join(" and ")} under this lease; commit that first, then complete it`;
  return refuse("POLICY_UNMET", message, { node_id: nodeId, missing: missing.map(([, name]) => name) });
}

/** The policy as journal and tables tell it: only what it demands. */
export function taskPolicyPayload(policy: TaskPolicy): NonNullable<Payload<"REGISTER_TASK">["policy"]> {
  return Object.fromEntries(demands.filter(([field]) => policy[field]).map(([, name]) => [name, true as const]));
}

/** The policy that such a payload tells. */
export function taskPolicyFrom(payload: Readonly<Record<string, unknown>>): TaskPolicy {
  return { ...noPolicy, ...Object.fromEntries(demands.map(([field, name]) => [field, payload[name] === true])) };
}
