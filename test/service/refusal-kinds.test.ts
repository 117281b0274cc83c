import { expect, test } from "bun:test";
import { type Refusal, refuse } from "../../src/core/decision.ts";
import type { CommonRefusal, ErrorKind } from "../../src/protocol/errors.ts";
import { type MethodName, methodNames, methodRow, type RefusalKind } from "../../src/protocol/methods.ts";
import { jsonSchemaOf } from "../../src/protocol/shape.ts";
import type { Handler, PendingAnswer } from "../../src/service/handler.ts";
import type { handlers } from "../../src/service/handlers.ts";

/* Most of this file is held by the compiler: it is wrong where `npm run check` says so. */

test("a handler refuses what its row lists, or what any method can answer", () => {
  const listed: Handler<"CommitEvent"> = () => refuse("LEASE_LOST", "no");
  const common: Handler<"CommitEvent"> = () => refuse("INVALID_PARAMS", "no");
  // @ts-expect-error CommitEvent's row knows no cycle.
  const foreign: Handler<"CommitEvent"> = () => refuse("CYCLE", "no");
  // @ts-expect-error Nor when the answer comes later.
  const foreignLater: Handler<"CommitEvent"> = () => later(refuse("CYCLE", "no"));
  const listedLater: Handler<"ListEvents"> = () => later(refuse("EVENTS_PRUNED", "no"));
  // @ts-expect-error A row without refusals allows none.
  const ofNone: Handler<"ListRunningNodes"> = () => refuse("NOT_FOUND", "no");
  // @ts-expect-error One of two kinds is not listed.
  const either: Handler<"CommitEvent"> = ({ payload }) => refuse(payload === null ? "NOT_FOUND" : "CYCLE", "no");
  expect([listed, common, foreign, foreignLater, listedLater, ofNone, either]).toHaveLength(7);
});

function later<Kind extends ErrorKind>(refusal: Refusal<Kind>): PendingAnswer<never, Kind> {
  return { wakes: "turn", waitMs: null, resume: () => ({ reply: refusal }) };
}

/** The kinds that a handler's own type says it can refuse with, at once or later. */
type Refused<Name extends MethodName> = KindsIn<ReturnType<(typeof handlers)[Name]>>;
type KindsIn<Reply> =
  Reply extends Refusal<infer Kind> ? Kind : Reply extends PendingAnswer<unknown, infer Kind> ? Kind : never;

/** What rows list and no handler can return, as `Method KIND`. A key's path is looked at before its handler is asked. */
type NeverReturned = {
  [Name in MethodName]: `${Name} ${Exclude<RefusalKind<Name>, Refused<Name> | "FILES_UNREACHABLE">}`;
}[MethodName];

test("a row lists nothing that its handler cannot return", () => {
  const none: [NeverReturned] extends [never] ? true : NeverReturned = true;
  // What handlers can return is known to the compiler, or the line above would say nothing.
  const known: Refused<"CommitEvent"> extends RefusalKind<"CommitEvent"> | CommonRefusal ? true : false = true;
  const some: "LEASE_LOST" extends Refused<"CommitEvent"> ? true : false = true;
  expect([none, known, some]).toEqual([true, true, true]);
});

test("the methods that read keys from a directory, and no others, tell that it cannot be reached", () => {
  const reading = methodNames.filter((name) => JSON.stringify(jsonSchemaOf(methodRow(name).params)).includes('"cwd"'));
  expect(methodNames.filter((name) => methodRow(name).refusals.includes("FILES_UNREACHABLE"))).toEqual(reading);
});
