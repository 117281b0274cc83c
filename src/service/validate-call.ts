import * as v from "valibot";
import { tooManyNodes } from "../core/dag/dag.ts";
import { describe, type Request } from "../protocol/envelope.ts";
import type { Json } from "../protocol/json.ts";
import { findMethod, type MethodName, methodRow } from "../protocol/methods.ts";
import type { Settings } from "../protocol/settings.ts";
import { fieldsOf, jsonSchemaOf } from "../protocol/shape.ts";
import { ignoredFields, ignoredParams, type Warning } from "../protocol/warnings.ts";
import { encodeError, isSome } from "./answer.ts";
import type { Answer, Call } from "./turn/call.ts";

/** Looks the method up and checks the parameters, in this order, as the original did. How long lists are comes first. */
export function validateCall(request: Request, { taskNodesMax }: Pick<Settings, "taskNodesMax">): Call | Answer {
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

/** For a value of the wrong type what valibot expected; for one that is missing, which only its key says, its type. */
function expectedType(name: MethodName, path: string, issue: v.BaseIssue<unknown>): string {
  const missing = issue.input === undefined && issue.path !== undefined;
  if (!missing) return issue.expected ?? "something else";
  const fieldPath = path.replaceAll(/\.\d+(?=\.)/g, "[]");
  const field = fieldsOf(jsonSchemaOf(methodRow(name).params)).find((candidate) => candidate.path === fieldPath);
  return field?.type ?? "a value";
}
