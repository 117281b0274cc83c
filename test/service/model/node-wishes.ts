import fc from "fast-check";
import { claim, given, often, seldom, taskId, wishFor } from "./wishes.ts";
import { someLabels } from "./task-wishes.ts";

/* What workers ask for: nodes, and what they may do under a lease. */

const some = (name: string) => fc.integer({ min: 0, max: 2 }).map((value) => ({ [name]: { value } }));

const acquire = wishFor(
  "AcquireNextNode",
  fc
    .record({
      wait_ms: often(fc.constantFrom(1, 500, 2_000, 10_000, 60_000, 600_000)),
      ttl_secs: seldom(fc.integer({ min: 1, max: 6 })),
      labels: seldom(someLabels),
      count: seldom(fc.integer({ min: 1, max: 3 })),
    })
    .map((params) => given({ ...params, lease_owner: "worker" })),
  (model, _known, n) => (n % 3 === 0 ? {} : { task_id: taskId(model, n >> 2) }),
);

const progress = seldom(fc.constantFrom({}, { percent: 40 }, { percent: 99.5, message: "soon" }, { message: "hm" }));
const heartbeat = wishFor(
  "HeartbeatNode",
  fc.record({ ttl_secs: seldom(fc.integer({ min: 1, max: 6 })), progress }).map((params) => given({ ...params })),
  claim,
);

const release = wishFor(
  "ReleaseNode",
  often(fc.integer({ min: 1, max: 3 })).map((delay_secs) => given({ delay_secs })),
  claim,
);

const event = wishFor("CommitEvent", some("payload"), (model, known, n) => {
  const { lease_id, ...node } = claim(model, known, n);
  return { ...node, ...(n % 2 === 0 && { lease_id }) };
});

export const nodeWishes = [
  { weight: 10, arbitrary: acquire },
  { weight: 3, arbitrary: heartbeat },
  { weight: 5, arbitrary: wishFor("CompleteNode", some("result_payload"), claim) },
  { weight: 4, arbitrary: wishFor("FailNode", some("error_payload"), claim) },
  { weight: 2, arbitrary: release },
  { weight: 2, arbitrary: event },
];
