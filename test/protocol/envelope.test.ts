import { describe, expect, test } from "bun:test";
import { encodeResponse, notUtf8, parseRequest } from "../../src/protocol/envelope.ts";
import type { ErrorKind } from "../../src/protocol/errors.ts";

const long = "k".repeat(200);

describe("a line that is no request is answered", () => {
  test.each<[string, string, number, ErrorKind, unknown, string]>([
    ["no JSON", "{", -32700, "PARSE_ERROR", undefined, "not JSON"],
    ["half a surrogate pair", '{"id":1,"method":"\\ud800"}', -32700, "PARSE_ERROR", undefined, "surrogate"],
    ["a list", "[]", -32600, "INVALID_REQUEST", undefined, "not an array"],
    ["null", "null", -32600, "INVALID_REQUEST", undefined, "not null"],
    ["a string", '"x"', -32600, "INVALID_REQUEST", undefined, 'not "x"'],
    ["a number", "5", -32600, "INVALID_REQUEST", undefined, "not 5"],
    ["a number kept to the letter", "1.0", -32600, "INVALID_REQUEST", undefined, "not 1.0"],
    ["an object without a method", '{"id":7}', -32600, "INVALID_REQUEST", 7, "method: expected a string, got nothing"],
    ["a method that is null", '{"id":"a","method":null}', -32600, "INVALID_REQUEST", "a", "got null"],
    ["a method that is a number", '{"id":[1],"method":1.0}', -32600, "INVALID_REQUEST", [1], "got 1.0"],
    ["a method that is an object", '{"id":{"a":1},"method":{}}', -32600, "INVALID_REQUEST", { a: 1 }, "got an object"],
    ["a null id", '{"id":null}', -32600, "INVALID_REQUEST", undefined, "got nothing"],
    ["the same member twice", '{"id":1,"method":"a","method":"b"}', -32600, "INVALID_REQUEST", 1, "same key"],
    ["__proto__", '{"id":1,"method":"a","__proto__":{}}', -32600, "INVALID_REQUEST", 1, "__proto__"],
    [
      "too deep nesting",
      `{"params":${"[".repeat(32)}${"]".repeat(32)}}`,
      -32600,
      "INVALID_REQUEST",
      undefined,
      "32 levels",
    ],
    ["an empty idempotency key", key(""), -32600, "INVALID_REQUEST", 1, 'got ""'],
    ["an idempotency key of 201 characters", key(`${long}k`), -32600, "INVALID_REQUEST", 1, "1 to 200 characters"],
    ["an idempotency key with NUL", key("a\0b"), -32600, "INVALID_REQUEST", 1, "without NUL"],
    ["an idempotency key that is a number", key(3), -32600, "INVALID_REQUEST", 1, "got 3"],
  ])("%s", (_name, line, code, kind, id, message) => {
    const answer = parseRequest(line, 32);
    if (!("error" in answer)) throw new Error("taken as a request");
    expect(answer).toMatchObject({ error: { code, data: { kind, retryable: false } } });
    expect(answer.id).toEqual(id as never);
    expect(answer.error.message).toContain(message);
  });

  test("bytes that are not UTF-8", () => {
    expect(notUtf8).toMatchObject({ id: undefined, error: { code: -32700, data: { kind: "PARSE_ERROR" } } });
  });
});

function key(value: unknown): string {
  return JSON.stringify({ id: 1, method: "Health", idempotency_key: value });
}

describe("a request", () => {
  test.each<[string, string, object]>([
    ["needs nothing but a method", '{"method":"Health"}', { id: undefined, params: {}, idempotencyKey: undefined }],
    [
      "may have null for every absent member",
      '{"method":"Health","id":null,"params":null,"idempotency_key":null}',
      {
        id: undefined,
        params: {},
        idempotencyKey: undefined,
      },
    ],
    ["keeps its parameters for the method to judge", '{"method":"Health","params":[1]}', { params: [1] }],
    ["may have members nobody knows", '{"method":"Health","jsonrpc":"2.0"}', { method: "Health" }],
    ["may have an idempotency key of 200 characters", key(long), { idempotencyKey: long }],
    ["may have false as its id", '{"method":"Health","id":false}', { id: false }],
  ])("%s", (_rule, line, request) => {
    expect(parseRequest(line, 32)).toMatchObject(request);
  });

  test.each(["0", "1.0", "-0", "12345678901234567890", '"é"', '""', "false", "[1.10,null]", '{"a":1e400}'])(
    "gets its id back to the letter: %s",
    (id) => {
      const request = parseRequest(`{"id":${id},"method":"Health"}`, 32);
      const echo = request.id === undefined ? {} : { id: request.id };
      expect(encodeResponse({ ...echo, result: null })).toBe(`{"id":${id},"result":null}\n`);
    },
  );
});
