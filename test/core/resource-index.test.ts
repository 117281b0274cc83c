import { describe, expect, test } from "bun:test";
import { indexTerms, searchTerms } from "../../src/core/locks/resource-index.ts";
import { readResourceKey } from "../../src/core/locks/resource-key.ts";

const key = (written: string) => readResourceKey(written, { ignoreCase: false, scope: "global" });

describe("a held lock is stored", () => {
  test.each([
    ["under its path", "file:src/a.ts", ["/src/a.ts"]],
    ["under its directory", "dir:src", ["/src"]],
    ["under the root", "dir:.", ["/"]],
    ["under the root of absolute paths", "dir:/", ["//"]],
    ["under its absolute path", "file:/etc/hosts", ["//etc/hosts"]],
    ["under the directory its wildcards begin in", "glob:src/a/*.ts", ["/src/a"]],
    ["under a directory for each choice", "glob:{src,test}/**/*.{ts,js}", ["/src", "/test"]],
    ["under its path where it has no wildcard", "glob:src/a.{ts,js}", ["/src/a.ts", "/src/a.js"]],
    ["under its text", "tool:git-index", ["=tool:git-index"]],
  ])("%s", (_, written, terms) => {
    expect(indexTerms(key(written))).toEqual(terms);
  });
});

describe("a wish looks", () => {
  test.each([
    ["on the way to a file", "file:src/a.ts", ["/src/a.ts", "/", "/src"], []],
    ["on the way to an absolute file", "file:/etc/hosts", ["//etc/hosts", "/", "//", "//etc"], []],
    ["on the way to a directory and in it", "dir:src", ["/src", "/"], [{ from: "/src/", to: "/src0" }]],
    ["among all paths", "dir:.", ["/"], [{ from: "/", to: "0" }]],
    ["among all absolute paths", "dir:/", ["//", "/"], [{ from: "//", to: "/0" }]],
    ["where a pattern may lead", "glob:src/*.ts", ["/src", "/"], [{ from: "/src/", to: "/src0" }]],
    ["only on the way, without a wildcard", "glob:{a,b}/c", ["/a/c", "/", "/a", "/b/c", "/b"], []],
    ["for the same text", "tool:git-index", ["=tool:git-index"], []],
  ])("%s", (_, written, exact, ranges) => {
    expect(searchTerms(key(written))).toEqual({ exact, ranges });
  });
});
