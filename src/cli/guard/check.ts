import { RequestRefused } from "../../client/refusals.ts";
import { limits } from "../../protocol/limits.ts";
import type { MethodName, ParamsInput, Result } from "../../protocol/methods.ts";
import type { LockHolderView } from "../../protocol/methods/views.ts";
import type { Identity } from "./identity.ts";
import type { Held, WaitingView } from "./verdict.ts";
import { present } from "../../protocol/present.ts";

/** What asks the daemon, as far as guards do. */
export interface Caller {
  call<Name extends MethodName>(method: Name, params: ParamsInput<Name>): Promise<Result<Name>>;
}

/** Paths whose locks are wanted, of one scope; null is the global one. */
export interface Wanted {
  scope: string | null;
  /** Where that scope's work tree begins; null in the global one. */
  top: string | null;
  paths: readonly string[];
}

/** Who holds a path: others, and oneself. */
export interface Holding {
  path: string;
  others: readonly LockHolderView[];
  own: readonly LockHolderView[];
  /** Who is in line for it. */
  waiting: readonly WaitingView[];
}

/** Characters of the paths of one request, so that it stays under the daemon's 1 MiB a line however they are escaped. */
const requestCharsMax = 120_000;

/** Asks the daemon who holds what overlaps with each path. */
export async function holdings(client: Caller, { paths, ...of }: Wanted, identity: Identity): Promise<Holding[]> {
  const found: Holding[] = [];
  for (const part of chunks(paths)) found.push(...(await holdingsOf(client, { ...of, paths: part }, identity)));
  return found;
}

/** The same of paths that fit into one request; of fewer at once where the daemon would have to compare too much. */
async function holdingsOf(client: Caller, { paths, ...of }: Wanted, identity: Identity): Promise<Holding[]> {
  try {
    const { locks } = await client.call("CheckResourceLocks", { paths: [...paths], ...of });
    const isOwn = (holder: LockHolderView) => owns(identity, holder);
    return locks.map(({ holders, waiting }, index) => ({
      path: present(paths[index], "the path that was asked of"),
      others: holders.filter((holder) => !isOwn(holder)),
      own: holders.filter(isOwn),
      waiting,
    }));
  } catch (cause) {
    const tooMuch = cause instanceof RequestRefused && cause.kind === "LIMIT_EXCEEDED";
    if (!tooMuch || paths.length === 1) throw cause;
    const half = Math.ceil(paths.length / 2);
    const halves = [paths.slice(0, half), paths.slice(half)];
    const [first = [], second = []] = await Promise.all(
      halves.map((part) => holdingsOf(client, { ...of, paths: part }, identity)),
    );
    return [...first, ...second];
  }
}

function owns({ owners, leases }: Identity, { owner, lease_id }: LockHolderView): boolean {
  return owners.has(owner) || leases.has(lease_id);
}

/** Those of the paths that others hold. */
export function heldByOthers(held: readonly Holding[]): Held[] {
  return held.flatMap(({ path, others, waiting }) => (others.length === 0 ? [] : [{ path, holders: others, waiting }]));
}

/** As many paths at once as one request may name. */
export function* chunks(paths: readonly string[]): Generator<readonly string[]> {
  let part: string[] = [];
  let chars = 0;
  for (const path of paths) {
    if (part.length === limits.locksMax || (part.length > 0 && chars + path.length > requestCharsMax)) {
      yield part;
      part = [];
      chars = 0;
    }
    part.push(path);
    chars += path.length;
  }
  if (part.length > 0) yield part;
}
