/** Who acts, where the command line does not say: `agentd run` and `agentd lock run` tell their commands. */
export function ownerOf(given: string | undefined): string | undefined {
  return given ?? process.env.AGENTD_OWNER;
}

/** A node under the lease somebody works on it with. */
export interface NodeAround {
  task_id: string;
  node_id: string;
  lease_id: string;
}

/** What names a node under its lease to the daemon. */
export function claimOf({ task_id, node_id, lease_id }: NodeAround): NodeAround {
  return { task_id, node_id, lease_id };
}

/** The node whose command this process is part of, as `agentd run` tells it; undefined outside of one. */
export function nodeAround(environment: Readonly<Record<string, string | undefined>>): NodeAround | undefined {
  const { AGENTD_TASK_ID: task_id, AGENTD_NODE_ID: node_id, AGENTD_LEASE_ID: lease_id } = environment;
  return task_id && node_id && lease_id ? { task_id, node_id, lease_id } : undefined;
}
