import { isRefusal } from "../core/decision.ts";
import type { Response } from "../protocol/envelope.ts";
import { type ErrorKind, type Facts, wireError } from "../protocol/errors.ts";
import { encodeJson } from "../protocol/json-text.ts";
import type { Warning } from "../protocol/warnings.ts";
import type { Context, Warned } from "./handler.ts";
import type { Answer, Call } from "./turn/call.ts";

/**
 * What a handler's reply looks like on the wire. Every refusal, and every result that may change state, tells a seq.
 * Warnings stand in the result, or with the refusal's facts; beside a result that is no object.
 */
export function encodeReply(reply: unknown, { mutates, warnings }: Call, { reads }: Context): Answer {
  const { seq } = reads.head;
  const warned = isSome(warnings) ? { warnings } : {};
  if (isRefusal(reply)) return encodeError(reply.refused, reply.message, { seq, ...reply.facts, ...warned });
  if (typeof reply !== "object" || reply === null || Array.isArray(reply)) {
    return encode({ result: reply, ...(mutates ? { seq } : {}), ...warned });
  }
  if (!isSome(warnings)) return encode({ result: reply });
  const { warnings: own = [] } = reply as Warned;
  return encode({ result: { ...reply, warnings: [...warnings, ...own] } });
}

export function encodeError(kind: ErrorKind, message: string, facts?: Facts): Answer {
  return encode({ error: wireError(kind, message, facts) });
}

const encode = (outcome: Omit<Response, "id">): Answer => encodeJson(outcome);

export const isErrorAnswer = (answer: Answer): boolean => answer.startsWith('{"error"');

export const isSome = (warnings: readonly Warning[]): warnings is readonly [Warning, ...Warning[]] =>
  warnings.length > 0;
