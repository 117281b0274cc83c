import { argumentList, flag, option, requiredArgumentList } from "../command.ts";
import type { Result } from "../../protocol/methods.ts";
import type { Json } from "../../protocol/json.ts";
import { Failure } from "../exits.ts";
import { take } from "../patient-client.ts";
import type { Session } from "../session.ts";
import { readDuration, readJson, readList, readTtl } from "../values.ts";
import type { Wanted } from "./text.ts";
import { resolveKeys } from "./keys.ts";
import { ownerOf } from "../environment.ts";

export type GrantedLocks = NonNullable<Result<"AcquireResourceLocks">>;

/** What is locked, where keys come first. */
const keysMeaning = "what is locked: PATH, file:PATH, dir:PATH, glob:PATTERN or name:TEXT";
export const keysArg = requiredArgumentList(keysMeaning);
export const optionalKeysArg = argumentList(keysMeaning);

/** What commands that take locks have in common. */
export const takingArgs = {
  shared: flag("share with other --shared holders; default: exclusive"),
  wait: option("TIME", "how long to queue, such as 60s (0)"),
  ttl: option("TIME", "how long the lease runs without a heartbeat: 90s, 5m, 1h"),
  owner: option("NAME", "who holds it ($AGENTD_OWNER, else anonymous)"),
  provider: option("NAME", "the vendor or program behind the owner"),
  intent: option("TEXT", "what it is for, shown to those it blocks"),
  scope: option("SCOPE", "use KEY literally, in this scope, instead of reading it as a path; '' is the global scope"),
} as const;

/** Those arguments, as given. */
export interface Taking {
  shared?: boolean | undefined;
  wait?: string | undefined;
  ttl?: string | undefined;
  owner?: string | undefined;
  provider?: string | undefined;
  intent?: string | undefined;
  scope?: string | undefined;
  metadata?: string | undefined;
}

/** What is to be taken, and how long to wait for it. */
export interface LockRequest {
  locks: Wanted[];
  waitMs: number;
  owner: string | undefined;
  ttl_secs: number | undefined;
  provider: string | undefined;
  metadata: Json | undefined;
}

/** @throws {Failure} USAGE */
export async function readLockRequest(keys: unknown, given: Taking): Promise<LockRequest> {
  const written = readList(keys);
  const waitMs = given.wait === undefined ? 0 : readDuration(given.wait, "wait") * 1000;
  const ttl_secs = readTtl(given.ttl);
  const metadata = await readMetadata(given);
  const mode = given.shared === true ? ("shared" as const) : ("exclusive" as const);
  const locks = (await resolveKeys(written, given.scope, "take")).map((key) => ({ ...key, mode }));
  return { locks, waitMs, owner: ownerOf(given.owner), ttl_secs, provider: given.provider, metadata };
}

/** `--intent` is a field of the metadata; beside other metadata it needs an object. */
async function readMetadata({ intent, metadata }: Taking): Promise<Json | undefined> {
  const whole = metadata === undefined ? undefined : await readJson(metadata, "--metadata");
  if (intent === undefined) return whole;
  if (whole === undefined) return { intent };
  if (typeof whole === "object" && whole !== null && !Array.isArray(whole)) return { ...whole, intent };
  throw new Failure("USAGE", "--intent is kept in the metadata, which has to be an object then");
}

/** Takes the locks, waiting in line as long as the request says; null when they were not to be had by then. */
export async function takeLocks(
  session: Session,
  { locks, waitMs, ...about }: LockRequest,
  more: { lease_id?: string | undefined; task_id?: string | undefined; node_id?: string | undefined },
  giveUp: AbortSignal,
  idempotencyKey?: string,
): Promise<GrantedLocks | null> {
  const keys = locks.map(({ resource_key, scope, mode }) => ({ resource_key, scope, mode }));
  const params = { locks: keys, ...about, ...more };
  return take(session, "AcquireResourceLocks", params, { waitMs, giveUp, idempotencyKey });
}
