import { identityOf } from "../guard/identity.ts";
import { ownerOf } from "../lock/place.ts";

/** Whoever acts, by the environment. */
export function whoever(): string {
  return ownerOf(undefined) ?? identityOf(process.env).label ?? "anonymous";
}

/** Who made a patch, and whose agent that is as far as the name, or the session of the shell, tells. */
export function authorOf({ owner: given, provider }: { owner?: string | undefined; provider?: string | undefined }) {
  const owner = given ?? whoever();
  const agents = [owner, ...identityOf(process.env).owners].map((name) => name.split(":"));
  const [agent] = agents.find((parts) => parts.length > 1) ?? [];
  return { owner, provider: provider ?? agent ?? "unknown" };
}
