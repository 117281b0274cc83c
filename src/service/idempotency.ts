import { refuse } from "../core/decision.ts";
import { withoutAbsent } from "../protocol/absent.ts";
import type { Json } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { methodRow } from "../protocol/methods.ts";
import { encodeReply } from "./answer.ts";
import type { AnyPending, Context } from "./handler.ts";
import type { Answer, Call } from "./turn/call.ts";

/**
 * Runs a call unless its idempotency key stands for a request already: for one that was answered, whose answer it gets when
 * it asks the same, or for one that still waits.
 */
export function once(call: Call, context: Context, run: () => Answer | AnyPending): Answer | AnyPending {
  const { idempotencyKey: key } = call.request;
  if (key === undefined) return run();

  const first = context.reads.answers.find(key, context.nowMs);
  if (first !== null) {
    const isSame = first.method === call.name && first.paramsHash === hashOf(call);
    if (!isSame) return mismatch(key, first.method, call, context);
    return `${first.answer.slice(0, -1)},"replayed":true}`;
  }
  const waiting = context.waitingUnder(key);
  if (waiting === null) return keep(key, call, run(), context);
  if (waiting.name !== call.name || hashOf(waiting) !== hashOf(call)) return mismatch(key, waiting.name, call, context);
  const message = `an earlier request with the idempotency key ${JSON.stringify(key)} still waits for its answer; ask again with the same key later`;
  return encodeReply(refuse("IDEMPOTENCY_PENDING", message, { method: waiting.name }), call, context);
}

/** Old keys dropped for each new one: more than one, so that the table shrinks, and few, so that nobody waits. */
const droppedPerKey = 4;

/** An answer is remembered with its key once it is there. */
export function keep<T extends AnyPending | null>(key: string, call: Call, answer: Answer | T, context: Context) {
  if (typeof answer !== "string") return answer;
  const remembered = { method: call.name, paramsHash: hashOf(call), answer };
  const { apply, nowMs } = context;
  const dropped = { untilMs: nowMs - limits.idempotencyDays * 86_400_000, limit: droppedPerKey };
  apply({ kind: "rememberAnswer", key, answer: remembered, nowMs, dropped });
  return answer;
}

/**
 * What two requests under one key must share. How long the answer is waited for is no part of it: who lost the connection
 * asks again for the time that is left.
 */
function hashOf({ name, params }: Call): string {
  const { wait_ms: _patience, ...asked } = withoutAbsent(methodRow(name).params, params as Json) as Record<
    string,
    Json
  >;
  return Bun.SHA256.hash(canonicalText(asked), "hex");
}

function mismatch(key: string, method: string, call: Call, context: Context): Answer {
  const difference = method === call.name ? "other parameters" : method;
  const message = `idempotency key ${JSON.stringify(key)} was used for ${difference}; use a new key for a new request`;
  return encodeReply(refuse("IDEMPOTENCY_MISMATCH", message, { method }), call, context);
}

/** JSON text in which the order of keys does not matter. */
function canonicalText(value: Json): string {
  return JSON.stringify(value, (_key, item: Json) => {
    if (typeof item !== "object" || item === null || Array.isArray(item) || JSON.isRawJSON(item)) return item;
    return Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
