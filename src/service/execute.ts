import * as v from "valibot";
import { isRefusal, type Refusal } from "../core/decision.ts";
import { describe, type Request, type Response } from "../protocol/envelope.ts";
import { wireError } from "../protocol/errors.ts";
import { type Json, parseStored } from "../protocol/json.ts";
import { findMethod, type MethodName, methodRow } from "../protocol/methods.ts";
import { fieldsOf, jsonSchemaOf } from "../protocol/shape.ts";
import { type Context, isLater, type Later } from "./handler.ts";
import { handlers } from "./handlers.ts";

/** A request whose method is known and whose parameters fit. */
export interface Call {
  request: Request;
  name: MethodName;
  mutates: boolean;
  params: unknown;
}

/** An answer without its id. */
export type Outcome = Omit<Response, "id">;

/** Looks the method up and checks the parameters, in this order, as the original did. */
export function prepareCall(request: Request): Call | Outcome {
  const name = findMethod(request.method);
  if (name === undefined) return { error: wireError("UNKNOWN_METHOD", `unknown method: ${request.method}`) };
  const row = methodRow(name);
  const parsed = v.safeParse(row.params, renameParams(request.params, row.renamedParams));
  if (parsed.success) return { request, name, mutates: row.mutates, params: parsed.output };
  return { error: invalidParams(name, parsed.issues[0]) };
}

export function isCall(prepared: Call | Outcome): prepared is Call {
  return "request" in prepared;
}

/**
 * Runs one call. What a refused call changed is undone; an idempotency key gives the first answer again.
 * Anything thrown means that nothing of the call was kept.
 */
export function execute(call: Call, context: Context): Outcome | Later<unknown> {
  if (!call.mutates) return run(call, context);
  const { idempotencyKey: key } = call.request;
  if (key === undefined) return runUndoable(call, context);

  const paramsHash = Bun.SHA256.hash(canonicalText(call.params as Json), "hex");
  const first = context.store.rememberedAnswer(key, context.nowMs);
  if (first === null) {
    const outcome = runUndoable(call, context);
    const answer = { method: call.name, paramsHash, answer: JSON.stringify(outcome) };
    context.store.rememberAnswer(key, answer, context.nowMs);
    return outcome;
  }
  if (first.method === call.name && first.paramsHash === paramsHash) {
    return { ...(parseStored(first.answer) as Outcome), replayed: true };
  }
  const difference = first.method === call.name ? "other parameters" : first.method;
  const message = `idempotency key ${JSON.stringify(key)} was used for ${difference}; use a new key for a new request`;
  return refused({ refused: "IDEMPOTENCY_MISMATCH", message, facts: { method: first.method } }, context);
}

function runUndoable(call: Call, context: Context): Outcome {
  const outcome = context.store.attempt(
    () => run(call, context),
    (result) => !("error" in result),
  );
  if (isLater(outcome)) throw new Error(`${call.name} changes state and cannot answer later`);
  return outcome;
}

function run(call: Call, context: Context): Outcome | Later<unknown> {
  // The table pairs each name with its schema and its handler; TypeScript cannot follow that pairing through a union.
  const handler = handlers[call.name] as (params: unknown, context: Context) => unknown;
  const reply = handler(call.params, context);
  return isLater(reply) ? reply : outcomeOf(reply, call.mutates, context);
}

/** What a handler's reply looks like on the wire. */
export function outcomeOf(reply: unknown, mutates: boolean, context: Context): Outcome {
  if (isRefusal(reply)) return refused(reply, context);
  return reply === null && mutates ? { result: null, seq: context.store.head.seq } : { result: reply };
}

function refused({ refused: kind, message, facts }: Refusal, { store }: Context): Outcome {
  return { error: wireError(kind, message, { seq: store.head.seq, ...facts }) };
}

function renameParams(params: Json, renamed: Readonly<Record<string, string>> | undefined): Json {
  if (renamed === undefined || typeof params !== "object" || params === null || Array.isArray(params)) return params;
  for (const [old, name] of Object.entries(renamed)) {
    const value = params[old];
    if (value !== undefined && params[name] === undefined) return { ...params, [name]: value };
  }
  return params;
}

function invalidParams(name: MethodName, issue: v.BaseIssue<unknown>) {
  const path = ["params", v.getDotPath(issue)].filter(Boolean).join(".");
  const expected = issue.kind === "schema" ? expectedType(name, path, issue) : issue.message;
  const received = describe(issue.input);
  const message = `${path}: expected ${expected}, got ${received}; \`agentd describe ${name}\` shows the parameters`;
  return wireError("INVALID_PARAMS", message, { path, expected, received });
}

/** For a value of the wrong type what valibot expected; for one that is missing, which only its key says, its type. */
function expectedType(name: MethodName, path: string, issue: v.BaseIssue<unknown>): string {
  const missing = issue.input === undefined && issue.path !== undefined;
  if (!missing) return issue.expected ?? "something else";
  const fieldPath = path.replace("params.", "").replaceAll(/\.\d+(?=\.)/g, "[]");
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
