import fc from "fast-check";
import { everyKey, everyScope } from "./keys.ts";
import type { Params } from "./views.ts";
import { claim, given, nobody, often, pick, seldom, taskId, type Wish, wishFor } from "./wishes.ts";

/* What is asked about resource locks. */

const someTtl = often(fc.integer({ min: 1, max: 4 })).map((ttl_secs) => given({ ttl_secs }));
const mode = often(fc.constantFrom("shared", "exclusive"));
const resource_key = fc.constantFrom(...everyKey);
const scope = fc.constantFrom(...everyScope).map((its) => its ?? undefined);
const wanted = fc.record({ resource_key, mode, scope: seldom(scope) }).map((params) => given(params));
const who = fc.constantFrom<Params>({}, { owner: "ann", provider: "p" }, { owner: "ann" }, { owner: "bob" });
const wait_ms = often(fc.constantFrom(1, 500, 2_000, 10_000, 60_000));
const metadata = seldom(fc.constantFrom<Params>({ intent: "to test" }, { intent: 7 }));

/** What a node needs while it runs. */
export const someResources = fc
  .array(
    fc.record({ resource_key, mode, scope }).map((params) => given(params)),
    { maxLength: 2 },
  )
  .map((resources) => (resources.length === 0 ? undefined : resources));

const acquireOne = wishFor(
  "AcquireResourceLock",
  fc
    .record({ resource_key, mode, scope, wait_ms, who, ttl: someTtl, metadata })
    .map(({ who: its, ttl, ...params }) => ({ ...given(params), ...its, ...ttl })),
  (model, _known, n) => (n % 4 === 0 ? { task_id: taskId(model, n) } : {}),
);

/** Often under a lease that holds locks already, or of a node that runs, or one that is lost. */
const acquireSeveral = wishFor(
  "AcquireResourceLocks",
  fc
    .record({ locks: fc.array(wanted, { minLength: 1, maxLength: 3 }), scope, wait_ms, who, ttl: someTtl, metadata })
    .map(({ who: its, ttl, ...params }) => ({ ...given(params), ...its, ...ttl })),
  (model, known, n) => {
    if (n % 4 === 0) return {};
    if (n % 4 === 1) {
      const { node_id, lease_id } = claim(model, known, n >> 2);
      return { node_id, lease_id };
    }
    const held = pick(known.locks.slice(n % 8 === 2 ? 0 : -3), n >> 3);
    return held === undefined ? {} : { lease_id: held.lease_id };
  },
);

/** The newest ones are the likeliest to be live. */
const byLock = (method: string, drawn: fc.Arbitrary<Params>) =>
  wishFor(method, drawn, (_model, known, n) => {
    const held = pick(known.locks.slice(n % 4 === 0 ? 0 : -3), n >> 2);
    if (held === undefined) return { resource_key: "file:a", lease_id: nobody };
    const { resource_key: key, lease_id, scope: its } = held;
    if (n % 8 === 3) return { lease_id };
    if (n % 8 === 5) return { resource_key: key, lease_id };
    return given({ resource_key: key, lease_id, scope: its });
  });

const forceRelease = wishFor("ForceReleaseResourceLock", fc.constant({ reason: "why not" }), (_model, known, n) => {
  const held = pick(known.locks.slice(-3), n);
  return given({ resource_key: held?.resource_key ?? "file:a", scope: held?.scope });
});

const reading = (method: string, drawn: fc.Arbitrary<Params>) =>
  drawn.map((params): Wish => ({
    name: `${method} ${JSON.stringify(params)}`,
    resolve: () => ({ method, params }),
  }));

const check = reading(
  "CheckResourceLocks",
  fc
    .record({
      locks: fc.array(wanted, { minLength: 1, maxLength: 2 }),
      paths: often(fc.constant<string[]>(["a", "a/b"])),
      scope,
      owner: often(fc.constant("ann")),
    })
    .map((params) => given(params)),
);
const list = reading(
  "ListResourceLocks",
  fc.record({ scope, owner: seldom(fc.constant("ann")) }).map((params) => given(params)),
);

export const lockWishes = [
  { weight: 4, arbitrary: acquireOne },
  { weight: 5, arbitrary: acquireSeveral },
  { weight: 2, arbitrary: byLock("HeartbeatResourceLock", someTtl) },
  { weight: 3, arbitrary: byLock("ReleaseResourceLock", fc.constant({})) },
  { weight: 1, arbitrary: forceRelease },
  { weight: 1, arbitrary: check },
  { weight: 1, arbitrary: list },
];
