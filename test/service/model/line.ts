import type { Json } from "../../../src/protocol/json.ts";
import { collide, type ModelKey } from "./keys.ts";
import type { ModelLease } from "./views.ts";

/* Who goes before whom, and who would wait for ever. */

/** Locks somebody wants at once. */
export interface ModelWish {
  keys: readonly ModelKey[];
  /** The lease they are to be added to. */
  lease: Json;
  owner: Json;
  provider: Json;
  since: number;
}

/** The live leases of others that hold what a wish collides with. */
type Against = (wish: ModelWish) => ModelLease[];

export const collides = (wish: ModelWish, keys: readonly ModelKey[]) =>
  wish.keys.some((key) => keys.some((other) => collide(key, other)));

/** An earlier wish goes first where both collide, unless it waits for the very lease the later one is for. */
export function isInTheWay(earlier: ModelWish, wish: ModelWish, against: Against): boolean {
  if (!collides(wish, earlier.keys)) return false;
  return wish.lease === null || against(earlier).every(({ id }) => id !== wish.lease);
}

/** Whether the lease is held by whoever has this wish, as far as that can be known. */
function isOwn(wish: ModelWish, lease: ModelLease): boolean {
  if (wish.lease !== null) return wish.lease === lease.id;
  return wish.owner !== "anonymous" && wish.owner === lease.owner && wish.provider === lease.provider;
}

/** Whether who has this wish would in the end wait for himself. */
export function closesCircle(wish: ModelWish, line: readonly ModelWish[], against: Against): boolean {
  const known = new Set<ModelWish>();
  const reaches = (from: ModelWish): boolean => {
    const place = line.indexOf(from);
    const before = (place === -1 ? line : line.slice(0, place)).filter((other) => isInTheWay(other, from, against));
    const holders = against(from);
    if (holders.some((lease) => isOwn(wish, lease))) return true;
    const waiting = line.filter((other) => holders.some((lease) => isOwn(other, lease)));
    return [...before, ...waiting].some((next) => {
      if (known.has(next)) return false;
      known.add(next);
      return reaches(next);
    });
  };
  return reaches(wish);
}
