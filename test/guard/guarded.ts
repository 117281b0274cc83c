import { join } from "node:path";
import type { Home, TestDaemon } from "../support/daemon.ts";
import { type Directory, runGit, temporaryRepository } from "./world.ts";

/** A repository with a guard. */
export interface World extends Directory {
  top: string;
  scope: string;
  /** Commits all there is, as a person would. */
  commit(env?: Record<string, string>, at?: string): ReturnType<typeof runGit>;
}

/** A repository with the guard, whose hooks find `home`. */
export async function guarded(home: Home, hooks = "pre-commit"): Promise<World> {
  const directory = await temporaryRepository();
  const top = join(directory.path, "repository");
  const installed = await home.agentd(["guard", "install", "--hooks", hooks], { cwd: top });
  if (installed.exit !== 0) throw new Error(installed.err);
  return {
    ...directory,
    top,
    scope: join(top, ".git"),
    async commit(env = {}, at = "repository") {
      await directory.git(["add", "--all"], at);
      return runGit(join(directory.path, at), ["commit", "-q", "-m", "next"], { AGENTD_HOME: home.path, ...env });
    },
  };
}

/** A peer takes keys of a repository; its lease. */
export async function peerHolds(
  { client }: TestDaemon,
  scope: string,
  keys: readonly string[],
  more: object = {},
): Promise<string> {
  const taken = await client.call("AcquireResourceLocks", {
    locks: keys.map((resource_key) => ({ resource_key })),
    owner: "codex-1",
    provider: "codex",
    scope,
    ttl_secs: 600,
    metadata: { intent: "rename the lexer" },
    ...more,
  });
  if (taken === null) throw new Error("the peer did not get its locks");
  return taken.lease_id;
}
