import { TIMED_OUT, within } from "../../client/deadline.ts";
import { connectAt } from "../../client/find.ts";
import { limits } from "../../protocol/limits.ts";
import type { Session } from "../session.ts";
import type { Wanted } from "./check.ts";
import type { Identity } from "./identity.ts";

const recordMs = 2_000;

/** Whether the person, or whoever started this, switched guards off. The environment alone counts, no file. */
export function isOff(environment: Readonly<Record<string, string | undefined>>): boolean {
  return environment.AGENTD_GUARD === "off";
}

/**
 * Journals that a guard was switched off, where a daemon runs; none is started for that.
 * @returns whether it is in the journal
 */
export async function recordBypass(
  session: Session,
  guard: string,
  { scope, paths }: Wanted,
  { label }: Identity,
): Promise<boolean> {
  try {
    const { paths: at, environment } = await session.locate();
    using client = await connectAt(at, environment);
    const resource_keys = paths.slice(0, limits.locksMax).map((path) => `file:${path}`);
    const params = { guard, resource_keys, count: paths.length, owner: label, scope };
    return (await within(client.call("RecordGuardBypass", params), recordMs)) !== TIMED_OUT;
  } catch {
    // Switched off is off: what keeps this from the journal is no reason to stop anybody.
    return false;
  }
}
