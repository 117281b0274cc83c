import { messageOf } from "../client/refusals.ts";
import { isAway } from "./patience.ts";
import type { Session } from "./session.ts";

/**
 * Says why there is nothing now, and gives the exit status of that. A daemon that has gone away meanwhile cannot tell, which
 * is no failure of whoever waited for it.
 */
export async function sayNotNow(session: Session, why: () => Promise<string>): Promise<3> {
  if (session.globals.json) session.show(null, () => "");
  // A program that reads the null needs no words; `lease=$(… --get lease_id)` has got nothing at all.
  if (session.globals.json && session.globals.get === undefined) return 3;
  // The connection may be one that the daemon left while somebody waited over another.
  session.disconnect();
  session.note(await why().catch(reasonAway));
  return 3;
}

function reasonAway(cause: unknown): string {
  if (!isAway(cause)) throw cause;
  return `there was nothing in time, and nobody to ask why: ${messageOf(cause)}`;
}
