import * as v from "valibot";
import { tooManyNodes } from "../core/dag/dag.ts";
import { isRefusal, refuse } from "../core/decision.ts";
import { withoutAbsent } from "../protocol/absent.ts";
import { describe, type Request, type Response } from "../protocol/envelope.ts";
import { type ErrorKind, type Facts, wireError } from "../protocol/errors.ts";
import { encodeJson } from "../protocol/json-text.ts";
import type { Json } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { findMethod, type MethodName, methodRow } from "../protocol/methods.ts";
import type { Settings } from "../protocol/settings.ts";
import { fieldsOf, jsonSchemaOf } from "../protocol/shape.ts";
import { ignoredFields, ignoredParams, type Warning } from "../protocol/warnings.ts";
import type { Answer, Call } from "./turn/call.ts";
import { type AnyPending, type Context, isPending, type Warned, withBudget } from "./handler.ts";
import { handlers, preparations } from "./handlers.ts";
import { withKeysPlaced } from "./locks/placing.ts";

type Outcome = Omit<Response, "id">;

/** Looks the method up and checks the parameters, in this order, as the original did. How long lists are comes first. */
export function prepareCall(request: Request, { taskNodesMax }: Pick<Settings, "taskNodesMax">): Call | Answer {
  const name = findMethod(request.method);
  if (name === undefined) return encodeError("UNKNOWN_METHOD", `unknown method: ${request.method}`);
  const row = methodRow(name);
  const isIgnored = row.originalParams === "none" && !isObject(request.params) && !request.strict;
  const params = isIgnored ? {} : renameParams(request.params, row.renamedParams);
  if (!isObject(params)) return invalidParams(name, "params", "an object", describe(params), []);
  const newNodes = row.newNodes === undefined ? null : params[row.newNodes];
  if (Array.isArray(newNodes) && newNodes.length > taskNodesMax) {
    const refusal = tooManyNodes(newNodes.length, taskNodesMax);
    return { request, name, mutates: row.mutates, params: {}, refusal, warnings: [] };
  }
  const written = (path: string) => pathAsWritten(path, request.params, row.renamedParams);
  const otherNames = Object.keys(row.renamedParams ?? {});
  const unknown = ignoredFields(request.unknown, { name, params: row.params, otherNames }, params, written);
  const warnings = isIgnored ? [ignoredParams(name, describe(request.params)), ...unknown] : unknown;
  const parsed = v.safeParse(row.params, params, { abortEarly: true });
  if (parsed.success) {
    if (request.strict && isSome(warnings)) return refuseUnknown(name, warnings);
    return { request, name, mutates: row.mutates, params: parsed.output, refusal: null, warnings };
  }
  const [issue] = parsed.issues;
  const place = v.getDotPath(issue) ?? "";
  const expected = issue.kind === "schema" ? expectedType(name, place, issue) : issue.message;
  const path = ["params", written(place)].filter(Boolean).join(".");
  return invalidParams(name, path, expected, describe(issue.input), warnings);
}

const isObject = (value: Json): value is { [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);

/** Does what is due before the call. */
export function prepareState(call: Call, context: Context): void {
  // Name and parameters are paired as for the handlers.
  const prepare = preparations[call.name] as ((params: unknown, context: Context) => void) | undefined;
  prepare?.(call.params, context);
}

/**
 * Runs one call. What a refused call changed is undone; an idempotency key gives the first answer again.
 * Anything thrown means that nothing of the call was kept.
 */
export function execute(call: Call, context: Context): Answer | AnyPending {
  if (!call.mutates) return run(call, context);
  return once(call, context);
}

/** Asks again for the answer of a call that waits to change state; null while it is still not ready. */
export function executePending(call: Call, pending: AnyPending, last: boolean, context: Context): Answer | null {
  const work = () =>
    context.savepoint(
      () => {
        const ready = pending.resume(withBudget(context), last);
        return ready === null ? null : encodeReply(ready.reply, call, context);
      },
      (made) => made === null || isKept(made),
    );
  const { idempotencyKey: key } = call.request;
  return key === undefined ? work() : keep(key, call, work(), context);
}

/**
 * Runs a call unless its idempotency key stands for a request already: for one that was answered, whose answer it gets when
 * it asks the same, or for one that still waits.
 */
function once(call: Call, context: Context): Answer | AnyPending {
  const { idempotencyKey: key } = call.request;
  if (key === undefined) return runUndoable(call, context);

  const first = context.reads.answers.find(key, context.nowMs);
  if (first !== null) {
    const isSame = first.method === call.name && first.paramsHash === hashOf(call);
    if (!isSame) return mismatch(key, first.method, call, context);
    return `${first.answer.slice(0, -1)},"replayed":true}`;
  }
  const waiting = context.waitingUnder(key);
  if (waiting === null) return keep(key, call, runUndoable(call, context), context);
  if (waiting.name !== call.name || hashOf(waiting) !== hashOf(call)) return mismatch(key, waiting.name, call, context);
  const message = `an earlier request with the idempotency key ${JSON.stringify(key)} still waits for its answer; ask again with the same key later`;
  return encodeReply(refuse("IDEMPOTENCY_PENDING", message, { method: waiting.name }), call, context);
}

/** Old keys dropped for each new one: more than one, so that the table shrinks, and few, so that nobody waits. */
const droppedPerKey = 4;

/** An answer is remembered with its key once it is there. */
function keep<T extends AnyPending | null>(key: string, call: Call, answer: Answer | T, context: Context) {
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

/** The answer is made before the change is kept: what cannot be answered is undone. */
function runUndoable(call: Call, context: Context): Answer | AnyPending {
  return context.savepoint(
    () => run(call, context),
    (answer) => isPending(answer) || isKept(answer),
  );
}

export const isErrorAnswer = (answer: Answer): boolean => answer.startsWith('{"error"');

const isKept = (answer: Answer): boolean => !isErrorAnswer(answer);

function run(call: Call, context: Context): Answer | AnyPending {
  if (call.refusal !== null) return encodeReply(call.refusal, call, context);
  // The table pairs each name with its schema and its handler; TypeScript cannot follow that pairing through a union.
  const handler = handlers[call.name] as (params: unknown, context: Context) => unknown;
  const params = withKeysPlaced(call.name, call.params, call.request.placements);
  const reply = isRefusal(params) ? params : handler(params, withBudget(context));
  return isPending(reply) ? reply : encodeReply(reply, call, context);
}

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

const encode = (outcome: Outcome): Answer => encodeJson(outcome);

/** A name that stands for another moves to that; where both are there, it stays, and nothing knows it. */
function renameParams(params: Json, renamed: Readonly<Record<string, string>> | undefined): Json {
  if (renamed === undefined || !isObject(params)) return params;
  for (const [old, name] of Object.entries(renamed)) {
    const { [old]: value, ...others } = params;
    if (value !== undefined && (params[name] ?? null) === null) return { ...others, [name]: value };
  }
  return params;
}

/** A path as the client wrote it, which may have used a parameter's other name. */
function pathAsWritten(path: string, given: Json, renamed: Readonly<Record<string, string>> = {}): string {
  const [first = "", ...rest] = path.split(".");
  const [old] = Object.entries(renamed).find(([, name]) => name === first) ?? [];
  const isOld = old !== undefined && isObject(given) && (given[first] ?? null) === null && given[old] !== undefined;
  return [isOld ? old : first, ...rest].join(".");
}

function invalidParams(
  name: MethodName,
  path: string,
  expected: string,
  received: string,
  warnings: readonly Warning[],
): Answer {
  const ignored = warnings.map(({ message }) => `; ${message}`).join("");
  const message = `${path}: expected ${expected}, got ${received}${ignored}; ${seeDescription(name)}`;
  return encodeError("INVALID_PARAMS", message, { path, expected, received, ...(ignored === "" ? {} : { warnings }) });
}

function refuseUnknown(name: MethodName, warnings: readonly [Warning, ...Warning[]]): Answer {
  const unknown = warnings.map(({ message }) => message).join("; ");
  const [{ path = "params" }] = warnings;
  const facts = { path, expected: "nothing", received: "a field nobody knows", warnings };
  return encodeError(
    "INVALID_PARAMS",
    `${unknown}; the request is strict, so nothing was done; ${seeDescription(name)}`,
    facts,
  );
}

const seeDescription = (name: MethodName) => `\`agentd describe ${name}\` shows the parameters`;

const isSome = (warnings: readonly Warning[]): warnings is readonly [Warning, ...Warning[]] => warnings.length > 0;

/** For a value of the wrong type what valibot expected; for one that is missing, which only its key says, its type. */
function expectedType(name: MethodName, path: string, issue: v.BaseIssue<unknown>): string {
  const missing = issue.input === undefined && issue.path !== undefined;
  if (!missing) return issue.expected ?? "something else";
  const fieldPath = path.replaceAll(/\.\d+(?=\.)/g, "[]");
  const field = fieldsOf(jsonSchemaOf(methodRow(name).params)).find((candidate) => candidate.path === fieldPath);
  return field?.type ?? "a value";
}

/** JSON text in which the order of keys does not matter. */
function canonicalText(value: Json): string {
  return JSON.stringify(value, (_key, item: Json) => {
    if (typeof item !== "object" || item === null || Array.isArray(item) || JSON.isRawJSON(item)) return item;
    return Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
