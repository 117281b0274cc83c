import type { ParamsInput } from "../../src/protocol/methods.ts";
import type { Calls, Provocations } from "./lock-calls.ts";
import { nobody, type World } from "./world.ts";

const base = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

const diff = (path: string) =>
  `diff --git a/${path} b/${path}\nindex 1111..2222 100644\n--- a/${path}\n+++ b/${path}\n@@ -1 +1 @@\n-a\n+b\n`;

type Submission = ParamsInput<"SubmitPatchBundle">;

const submission = (world: World, more: Partial<Submission> = {}): Submission => {
  const path = world.newName();
  return {
    provider: "codex",
    owner: "ann",
    scope: "/repository",
    base_revision: base,
    touched_paths: [path],
    diff: diff(path),
    diff_summary: "s",
    confidence: "low",
    ...more,
  };
};

async function submitted(world: World): Promise<{ bundle_id: string }> {
  const { bundle_id } = await world.client.call("SubmitPatchBundle", submission(world));
  return { bundle_id };
}

const rejected = { decision: "rejected", reason: "no", decided_by: "ann" } as const;

export const bundleCalls = {
  SubmitPatchBundle: async (world) => submission(world),
  CheckPatchBundle: async (world) => submission(world),
  ComparePatchBundles: async (world) => ({
    bundle_ids: [(await submitted(world)).bundle_id, (await submitted(world)).bundle_id],
    target_revision: base,
  }),
  DecidePatchBundle: async (world) => ({ ...(await submitted(world)), ...rejected }),
  ListPatchBundles: async (world) => {
    await submitted(world);
    return { status: "SUBMITTED", limit: 2 };
  },
  GetPatchBundle: submitted,
} satisfies Partial<Calls>;

const submissionRefusals = {
  NOT_FOUND: async (world: World) => submission(world, { task_id: nobody }),
  INVALID_STATE: async (world: World) => {
    const { bundle_id } = await submitted(world);
    return submission(world, { owner: "bob", supersedes: bundle_id });
  },
  LEASE_LOST: async (world: World) => submission(world, { ...(await world.running()), lease_id: nobody }),
  LIMIT_EXCEEDED: async (world: World) => submission(world, { diff: diff("a").repeat(10_000) }),
};

export const bundleRefusals = {
  SubmitPatchBundle: submissionRefusals,
  CheckPatchBundle: submissionRefusals,
  ComparePatchBundles: {
    NOT_FOUND: async () => ({ bundle_ids: [nobody] }),
    LIMIT_EXCEEDED: async (world) => {
      const scope = world.newName();
      const all = Array.from({ length: 201 }, () =>
        world.client.call("SubmitPatchBundle", submission(world, { scope })),
      );
      await Promise.all(all);
      return { scope };
    },
  },
  DecidePatchBundle: {
    NOT_FOUND: async () => ({ bundle_id: nobody, ...rejected }),
    INVALID_STATE: async (world) => {
      const bundle = await submitted(world);
      await world.client.call("DecidePatchBundle", { ...bundle, ...rejected });
      return { ...bundle, ...rejected };
    },
  },
  ListPatchBundles: {
    NOT_FOUND: async () => ({ before: nobody }),
  },
  GetPatchBundle: {
    NOT_FOUND: async () => ({ bundle_id: nobody }),
  },
} satisfies Partial<Provocations>;
