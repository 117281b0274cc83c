import { join } from "node:path";
import type { Client } from "../../src/client/client.ts";
import type { Repository } from "./repository.ts";

/** An agentd command for all to see: its words, and what it printed. */
export type CommandLine = (...words: string[]) => Promise<string>;

/** Agents of the second task, each with a git work tree of its own for every node. */
const agents = ["red-1", "blue-2"];

/** Processes that work on proposals, to be killed when the demo is cleared away. */
export type Running = Set<Bun.Subprocess>;

/**
 * Lets two agents work on `taskId` side by side, under agentd's own `run`, until all of it is handed in.
 * @throws when one of them ends badly
 */
export async function propose(
  binary: string,
  taskId: string,
  cwd: string,
  environment: Record<string, string | undefined>,
  running: Running,
): Promise<void> {
  const program = [process.execPath, join(import.meta.dir, "propose.mjs")];
  const statuses = agents.map(async (owner) => {
    const command = [binary, "run", "--task", taskId, "--all", "--owner", owner, "--", ...program];
    const child = Bun.spawn(command, { cwd, env: environment, stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    // How each node ended is on standard output, and why one failed.
    const told = (await Promise.all([child.stdout.text(), child.stderr.text()])).join("");
    running.delete(child);
    if ((await child.exited) !== 0) throw new Error(`${owner} ended with ${child.exitCode}: ${told}`);
  });
  await Promise.all(statuses);
}

/** What was decided of each bundle of a task, by what it does. */
export async function decisions(client: Client, task_id: string): Promise<Record<string, string>> {
  const { bundles } = await client.call("ListPatchBundles", { task_id });
  return Object.fromEntries(bundles.map(({ diff_summary: summary, status }) => [summary, status]));
}

/** Runs the library's tests at a revision, in a work tree of their own, and gives what they printed. */
export async function testsAt(repository: Repository, revision: string, directory: string): Promise<string> {
  const path = join(directory, "merged");
  await repository.git("worktree", "add", "--quiet", "--detach", path, revision);
  const tests = Bun.spawnSync([process.execPath, "test"], { cwd: path });
  await repository.git("worktree", "remove", "--force", path);
  return tests.stderr.toString().trim();
}
