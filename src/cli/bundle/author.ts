import { userInfo } from "node:os";
import { identityOf } from "../guard/identity.ts";
import { ownerOf } from "../lock/place.ts";

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

/** Who made a patch, and whose agent that is as far as the name, or the session of the shell, tells. */
export function authorOf({ owner: given, provider }: { owner?: string | undefined; provider?: string | undefined }) {
  const owner = given ?? whoever();
  const agents = [owner, ...identityOf(process.env).owners].map((name) => name.split(":"));
  const [agent] = agents.find((parts) => parts.length > 1) ?? [];
  return { owner, provider: provider ?? agent ?? "unknown" };
}
