import { limits } from "../../protocol/limits.ts";
import type { Payload } from "../../protocol/transitions.ts";
import type { NodePolicy } from "../model.ts";

/** The original's rules: one attempt, and what waits for a failed node waits for ever. */
export const defaultPolicy: NodePolicy = {
  maxAttempts: 1,
  maxLostAttempts: null,
  backoffMs: 0,
  backoffMaxMs: limits.backoffMaxSecs * 1000,
  ttlMs: null,
  onDependencyFailure: "wait",
};

/** A policy as the journal tells it: only what differs from the default. */
type PolicyPayload = Pick<
  Payload<"REGISTER_TASK">["nodes"][number],
  "max_attempts" | "max_lost_attempts" | "backoff_ms" | "backoff_max_ms" | "ttl_ms" | "on_dependency_failure"
>;

const names = {
  maxAttempts: "max_attempts",
  maxLostAttempts: "max_lost_attempts",
  backoffMs: "backoff_ms",
  backoffMaxMs: "backoff_max_ms",
  ttlMs: "ttl_ms",
  onDependencyFailure: "on_dependency_failure",
} as const satisfies Record<keyof NodePolicy, keyof PolicyPayload>;
const all = Object.entries(names) as [keyof NodePolicy, keyof PolicyPayload][];

export function policyPayload(policy: NodePolicy): PolicyPayload {
  const told = all.filter(([field]) => policy[field] !== defaultPolicy[field]);
  return Object.fromEntries(told.map(([field, name]) => [name, policy[field]]));
}

/** The policy a journal row tells. */
export function policyFrom(payload: PolicyPayload): NodePolicy {
  const told = all.filter(([, name]) => payload[name] !== undefined);
  return { ...defaultPolicy, ...Object.fromEntries(told.map(([field, name]) => [field, payload[name]])) };
}
