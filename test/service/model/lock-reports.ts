import type { Json } from "../../../src/protocol/json.ts";
import { collide, modelKey } from "./keys.ts";
import type { ModelWish } from "./line.ts";
import { lockView, type ModelLease, type ModelLock, type Params, until } from "./views.ts";

/* What is told of locks. */

export const deadlineOf = (lease: ModelLease) => (lease.node === null ? lease.until : (lease.node.lease?.until ?? 0));

export function checkLocks(params: Params, live: readonly ModelLease[], line: readonly ModelWish[]): Json {
  const { locks = [], paths = [], scope = null, owner = null } = params;
  const isOwn = (its: { owner: Json }) => owner !== null && its.owner === owner;
  const asked: Params[] = [...(locks as Params[])];
  for (const path of paths as string[]) asked.push({ resource_key: `file:${path}` });
  const checked = asked.map(({ resource_key = null, mode = "exclusive", scope: its }): Json => {
    const inScope = its ?? scope;
    const key = modelKey({ resource_key, mode, scope: inScope });
    const holders = live
      .flatMap((lease) => lease.locks.filter((lock) => collide(lock, key)).map((lock) => ({ lease, lock })))
      .toSorted((a, b) => a.lock.token - b.lock.token || (a.lock.key < b.lock.key ? -1 : 1));
    const waiting = line.flatMap((wish) => {
      const meets = wish.keys.find((other) => collide(other, key));
      const { owner: who, provider, since: since_ms } = wish;
      if (meets === undefined) return [];
      return [{ resource_key: meets.key, scope: meets.scope, mode: meets.mode, owner: who, provider, since_ms }];
    });
    const free = holders.every(({ lease }) => isOwn(lease)) && waiting.every(isOwn);
    const shown = holders.map(({ lease, lock }) => ({ ...holderView(lease, lock, line), own: isOwn(lease) }));
    return { resource_key, scope: inScope, mode, free, holders: shown, waiting, namesakes: [] };
  });
  return { locks: checked };
}

export function listLocks(params: Params, live: readonly ModelLease[], line: readonly ModelWish[]): Json {
  const { scope = null, owner = null, lease_id = null } = params;
  const shown = live
    .filter((lease) => (owner ?? lease.owner) === lease.owner && (lease_id ?? lease.id) === lease.id)
    .flatMap((lease) => lease.locks.map((lock) => view(lease, lock, line)))
    .filter((lock) => (scope ?? lock.scope) === lock.scope);
  const rank = ({ resource_key, scope: of, fencing_token }: (typeof shown)[number]) =>
    [resource_key, of ?? "", String(fencing_token).padStart(9, "0")].join("\0");
  return { locks: shown.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)) };
}

function holderView(lease: ModelLease, lock: ModelLock, line: readonly ModelWish[]) {
  const { metadata, updated_at: _, ends_with_node: __, waiting: ___, ...shown } = view(lease, lock, line);
  const { intent } = metadata as Params;
  return { ...shown, intent: typeof intent === "string" ? intent : null };
}

function view(lease: ModelLease, lock: ModelLock, line: readonly ModelWish[]) {
  const waiting = line.filter((wish) => wish.lease !== lease.id && wish.keys.some((key) => collide(key, lock)));
  return lockView(lock, lease, until(deadlineOf(lease)), waiting.length);
}
