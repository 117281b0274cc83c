import { describe, expect, test } from "bun:test";
import { assertRelations, type Limits, limits } from "../../src/protocol/limits.ts";

const contradictions: [what: string, changed: Partial<Limits>][] = [
  ["a command could not read what a request may hold", { requestBytesMax: 128 << 20 }],
  ["a diff would not fit in a request", { diffBytesMax: 1 << 20 }],
  ["no result of a command would fit in a request", { depthMax: 2 }],
  ["no page could be full", { pageScanMax: 999 }],
  ["one request could name more locks than it may have", { locksMax: 1_001 }],
  ["a node could declare more than it may hold", { nodeResourcesMax: 1_001 }],
  ["with as many dependencies as it may have", { nodeDependenciesMax: 30_001 }],
  ["with as many dependencies as it may have", { newDependenciesMax: 200_001 }],
  ["a diff of renames", { diffFilesMax: 2_001 }],
  ["the default of a span would be none", { spanSecsMax: 3_599 }],
  ["a pause that is doubled before each attempt would be no number", { attemptsMax: 1_024 }],
  ["a node could not be called by its id", { nameCharsMax: 35 }],
  ["a timer would be over at once", { waitMsMax: 2 ** 31 }],
  ["an answer would be forgotten while it is waited for", { idempotencyDays: 0 }],
  ["deadlines would be no exact integers", { ttlSecsMax: 1e12 }],
  ["deadlines would be no exact integers", { spanSecsMax: 1e12 }],
  ["a path that is deep enough could not be resolved", { resolutionStepsMax: 63 }],
  ["rows that end before they do", { pathDepthMax: 1_023 }],
  ["rows that end before they do", { globCharsMax: 32, pathDepthMax: 16 }],
  ["the client would refuse the status of a large task", { taskNodesMax: 1_000_000 }],
  ["the socket's path would not fit", { socketPathBytesMax: 104 }],
];

describe("limits that contradict each other are found at the start", () => {
  test.each(contradictions)("%s", (what, changed) => {
    expect(() => assertRelations({ ...limits, ...changed })).toThrow(what);
  });

  test("and those there are do not", () => expect(() => assertRelations(limits)).not.toThrow());
});
