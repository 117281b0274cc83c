import { describe, expect, test } from "bun:test";
import { parseRequest } from "../../src/protocol/envelope.ts";
import { methodNames, methodRow } from "../../src/protocol/methods.ts";
import { limits } from "../../src/protocol/limits.ts";
import { namedBy } from "../../src/service/locks/request-words.ts";

const stray = "/stray/.git";
const anywhere = {
  scope: stray,
  locks: [{ resource_key: "file:a", scope: stray }],
  nodes: [{ resources: [{ resource_key: "file:a", scope: stray }] }],
  initial_nodes: [{ resources: [{ resource_key: "file:a", scope: stray }] }],
};

function scopesNamed(method: string, params: object): string[] {
  const request = parseRequest(JSON.stringify({ method, params }), limits.depthMax);
  if ("error" in request) throw new Error(request.error.message);
  return [...(namedBy(request, () => true, limits)?.scopes ?? [])];
}

describe("the file system is asked for a scope by a request that has one alone", () => {
  test.each(methodNames)("%s", (name) => {
    const { params, example, renamedParams = {} } = methodRow(name);
    const { entries } = params as unknown as { entries: object };
    const own = new Set([...Object.keys(entries), ...Object.keys(renamedParams)]);
    const others = Object.fromEntries(Object.entries(anywhere).filter(([field]) => !own.has(field)));
    expect(scopesNamed(name, { ...(example.params as object), ...others })).not.toContain(stray);
  });

  test("and not by one that is refused for its form, as where its scope is too long", () => {
    const lock = { resource_key: "file:a", mode: "exclusive" };
    expect(scopesNamed("AcquireResourceLock", { ...lock, scope: stray })).toEqual([stray]);
    expect(scopesNamed("AcquireResourceLock", { ...lock, scope: "/a".repeat(limits.scopeCharsMax) })).toEqual([]);
    expect(scopesNamed("AcquireResourceLock", { scope: stray })).toEqual([]);
  });
});
