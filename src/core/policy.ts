import type { Json } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import type { DependencyPolicy } from "../protocol/types.ts";
import type { NodePolicy } from "./model.ts";

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
export function policyPayload(policy: NodePolicy): Record<string, Json> {
  const all: [keyof NodePolicy, string][] = [
    ["maxAttempts", "max_attempts"],
    ["maxLostAttempts", "max_lost_attempts"],
    ["backoffMs", "backoff_ms"],
    ["backoffMaxMs", "backoff_max_ms"],
    ["ttlMs", "ttl_ms"],
    ["onDependencyFailure", "on_dependency_failure"],
  ];
  const told = all.filter(([field]) => policy[field] !== defaultPolicy[field]);
  return Object.fromEntries(told.map(([field, name]) => [name, policy[field]]));
}

/** The policy a journal row tells. */
export function policyFrom(payload: Readonly<Record<string, Json>>): NodePolicy {
  const number = <T>(name: string, otherwise: T) => (name in payload ? Number(payload[name]) : otherwise);
  return {
    maxAttempts: number("max_attempts", defaultPolicy.maxAttempts),
    maxLostAttempts: number("max_lost_attempts", defaultPolicy.maxLostAttempts),
    backoffMs: number("backoff_ms", defaultPolicy.backoffMs),
    backoffMaxMs: number("backoff_max_ms", defaultPolicy.backoffMaxMs),
    ttlMs: number("ttl_ms", defaultPolicy.ttlMs),
    onDependencyFailure: (payload.on_dependency_failure ?? defaultPolicy.onDependencyFailure) as DependencyPolicy,
  };
}
