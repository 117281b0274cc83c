import * as v from "valibot";
import * as story from "../methods/examples.ts";
import { defineTransition } from "../transition.ts";
import { count, text, unixMs } from "../types.ts";
import { anything, given, id, moment } from "./values.ts";

const notBefore = v.nullable(unixMs);
const later = (ms: number | null) => (ms === null ? "" : `, not before ${moment(ms)}`);
const ofOwner = (owner: string | null | undefined) => (owner === null || owner === undefined ? "" : ` of ${owner}`);

export const ACQUIRE_NODE = defineTransition({
  summary: "A node was handed out under a new lease, whose fencing token is the row's seq.",
  subject: "node",
  moves: [["PENDING", "RUNNING"]],
  payload: v.object({ lease_id: id, lease_owner: text }),
  sentence: ({ lease_id: lease, lease_owner: owner }, brief) => `acquired by ${owner} under lease ${brief(lease)}`,
  example: { lease_id: story.lease_id, lease_owner: "codex-1" },
});

export const TIMEOUT_ROLLBACK = defineTransition({
  summary: "A lease expired without a heartbeat, and its node may be handed out again.",
  subject: "node",
  moves: [["RUNNING", "PENDING"]],
  payload: v.object({ lease_id: v.nullable(id), lease_owner: v.nullable(text), lost_attempts: count }),
  topics: ["work", "lease"],
  isEvent: "always",
  sentence: ({ lease_owner: owner, lost_attempts: lost }) =>
    `rolled back: the lease${ofOwner(owner)} expired${lost > 1 ? `, as ${lost - 1} before it` : ""}`,
  example: { lease_id: story.lease_id, lease_owner: "codex-1", lost_attempts: 1 },
});

export const COMPLETE_NODE = defineTransition({
  summary: "A worker completed its node.",
  subject: "node",
  moves: [["RUNNING", "COMPLETED"]],
  payload: v.object({ result: anything }),
  topics: ["work", "lease"],
  isEvent: "always",
  sentence: ({ result }) => `completed${given(result)}`,
  example: { result: { file: "src/parser.rs" } },
});

export const FAIL_NODE = defineTransition({
  summary:
    "An attempt at a node failed, or a lease was lost once too often (`cause`). With `retry` it is PENDING again, else FAILED.",
  subject: "node",
  moves: [
    ["RUNNING", "FAILED"],
    ["RUNNING", "PENDING"],
  ],
  payload: v.object({
    error: anything,
    retry: v.optional(v.object({ failed_attempts: count, not_before_ms: notBefore })),
    cause: v.optional(v.literal("lost")),
    lease_id: v.optional(v.nullable(id)),
    lease_owner: v.optional(v.nullable(text)),
  }),
  topics: ["work", "lease"],
  isEvent: "always",
  sentence({ error, retry, cause, lease_owner: owner }) {
    if (cause === "lost") return `FAILED: the lease${ofOwner(owner)} expired, one too many${given(error)}`;
    return retry === undefined
      ? `FAILED${given(error)}`
      : `failed and is tried again${later(retry.not_before_ms)}${given(error)}`;
  },
  example: {
    error: { message: "tests fail" },
    retry: { failed_attempts: 1, not_before_ms: story.deadline.lease_expires_at_ms },
  },
});

export const RELEASE_NODE = defineTransition({
  summary: "A worker gave its node back; the attempt does not count.",
  subject: "node",
  moves: [["RUNNING", "PENDING"]],
  payload: v.object({ lease_id: id, lease_owner: v.nullable(text), not_before_ms: notBefore }),
  topics: ["work", "lease"],
  sentence: ({ lease_owner: owner, not_before_ms: ms }) =>
    `given back${owner === null ? "" : ` by ${owner}`}${later(ms)}`,
  example: { lease_id: story.lease_id, lease_owner: "codex-1", not_before_ms: null },
});

export const SKIP_NODE = defineTransition({
  summary: "A dependency FAILED, and the node is one to be skipped then.",
  subject: "node",
  moves: [["PENDING", "FAILED"]],
  payload: v.object({ error: v.object({ kind: v.literal("DEPENDENCY_FAILED"), node_ids: v.array(id) }) }),
  topics: ["work"],
  sentence: ({ error }, brief) => `skipped, as ${error.node_ids.map(brief).join(", ")} FAILED`,
  example: { error: { kind: "DEPENDENCY_FAILED", node_ids: [story.earlier_node_id] } },
});

export const RETRY_NODE = defineTransition({
  summary: "A FAILED node is tried again, with all of its attempts.",
  subject: "node",
  moves: [["FAILED", "PENDING"]],
  payload: v.object({}),
  topics: ["work"],
  sentence: () => "is tried again",
  example: {},
});
