import { expect, test } from "bun:test";
import { TestService } from "./harness.ts";

test("a patch that meets locks of others told its paths in the order of the locks, and not in its own", () => {
  using service = new TestService();
  const client = service.client();
  const locks = [{ resource_key: "glob:a/*" }, { resource_key: "file:a", mode: "shared" as const }];
  client.call("AcquireResourceLocks", { owner: "bob", scope: "repository", locks });
  client.call("SubmitPatchBundle", {
    provider: "codex",
    owner: "ann",
    scope: "repository",
    base_revision: "1".repeat(40),
    head_revision: "2".repeat(40),
    touched_paths: ["a", "a/b"],
    diff_summary: "s",
    confidence: "medium",
  });
  const { events } = client.call("ListEvents", { action_types: ["conflict"] });
  expect(events).toMatchObject([{ payload: { paths: ["a", "a/b"] } }]);
});
