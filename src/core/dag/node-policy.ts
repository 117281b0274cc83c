import {
  type NodePolicy,
  type PolicyField,
  type PolicyParams,
  type PolicyView,
  policyFields,
  type StoredPolicy,
  type ToldPolicy,
} from "../../protocol/node-fields.ts";

/* A node's policy as clients, rules, journal and columns have it: the crossings, each field by field of the table. */

/**
 * As it was with the original: one attempt, and what waits for a failed node waits for ever. But where the original rolled a
 * node back for ever, too, a lease that is lost too often fails it: by the daemon's setting where the node says nothing.
 */
export const defaultPolicy = Object.fromEntries(
  policyFields.map(({ property, fallback }) => [property, fallback]),
  // Each field is there, with a value of its row's.
) as NodePolicy;

/** The policy that clients give; absent and null are the default. */
export function policyGiven(params: PolicyParams): NodePolicy {
  return withFields(({ name, factor }) => {
    const given = params[name] ?? undefined;
    return typeof given === "number" ? given * factor : given;
  });
}

/** The policy as clients see it. */
export function policyShown(policy: NodePolicy): PolicyView {
  const shown: Record<string, unknown> = {};
  for (const { name, property, factor } of policyFields) {
    const value = policy[property];
    shown[name] = typeof value === "number" ? value / factor : value;
  }
  return shown as PolicyView;
}

/** The policy as the journal tells it: only what differs from the default. */
export function policyPayload(policy: NodePolicy): ToldPolicy {
  const told = policyFields.filter(({ property }) => policy[property] !== defaultPolicy[property]);
  return Object.fromEntries(told.map(({ stored, property }) => [stored, policy[property]]));
}

/** The policy that a row tells, of the journal or of the table of nodes, which have the same names for it. */
export function policyFrom(told: ToldPolicy | StoredPolicy): NodePolicy {
  return withFields(({ stored }) => told[stored]);
}

/** The default with the fields that are told: most nodes have nothing else, and share it. */
function withFields(valueOf: (field: PolicyField) => number | string | null | undefined): NodePolicy {
  let policy: Record<string, unknown> | undefined;
  for (const field of policyFields) {
    const { property } = field;
    const value = valueOf(field);
    if (value !== undefined && value !== defaultPolicy[property]) (policy ??= { ...defaultPolicy })[property] = value;
  }
  return policy === undefined ? defaultPolicy : (policy as NodePolicy);
}
