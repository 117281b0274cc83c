import { userInfo } from "node:os";
import { type NodeAround, nodeAround, ownerOf } from "../environment.ts";
import { uuidOf } from "../../protocol/uuid.ts";
import { agents } from "./agents.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Whose locks are one's own. Owners are names anybody can take: this keeps the peace among the honest, not more. */
export interface Identity {
  owners: ReadonlySet<string>;
  /** Leases `agentd run` and `agentd lock run` put into the environment of what they run. */
  leases: ReadonlySet<string>;
  /** The node this is run for: locks are taken under its lease, and end with it. */
  node: NodeAround | undefined;
  /** How the journal calls whoever acts; undefined when nobody can say. */
  label: string | undefined;
}

/** Who a process is by its environment: what it was told, and which agent's session its shell belongs to. */
export function identityOf(environment: Environment): Identity {
  const owners = [environment.AGENTD_OWNER, ...sessionOwners(environment)].filter(isGiven);
  const leases = [environment.AGENTD_LEASE_ID, environment.AGENTD_LOCK_LEASE_ID].filter(isGiven);
  return {
    owners: new Set(owners),
    leases: new Set(leases.map((lease) => uuidOf(lease) ?? lease)),
    node: nodeAround(environment),
    label: [...owners, environment.USER].find(isGiven),
  };
}

/** Whoever acts, by the environment. */
export function whoever(): string {
  return ownerOf(undefined) ?? identityOf(process.env).label ?? userName() ?? "anonymous";
}

/** The user's name as the system knows it: cron, containers and CI often set no USER. */
function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // The user has no entry in the system's list.
    return undefined;
  }
}

/** How the locks of an agent's session are labelled. */
export function sessionOwner(agent: string, session: string): string {
  return `${agent}:${session}`;
}

function sessionOwners(environment: Environment): string[] {
  return Object.entries(agents).flatMap(([name, { shellSession }]) => {
    const session = shellSession === undefined ? undefined : environment[shellSession];
    return isGiven(session) ? [sessionOwner(name, session)] : [];
  });
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
