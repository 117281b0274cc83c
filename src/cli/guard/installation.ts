import { resolve } from "node:path";
import { Failure } from "../exits.ts";
import { suggest } from "../../protocol/nearest.ts";
import type { Session } from "../session.ts";
import type { WorkTree } from "./agent-file.ts";
import { agents } from "./agents.ts";
import type { Agent } from "./agents/agent.ts";
import { git } from "../git/git.ts";
import { type HooksDirectory, hooksDirectory } from "./hook-file.ts";
import { type Repository, repositoryOf } from "../git/repository.ts";
import { type GitHook, gitHooks, isGitHook } from "./hook-tools.ts";

/** Where a guard is installed, looked at or taken out. */
export interface Installation extends WorkTree {
  repository: Repository;
  hooks: HooksDirectory;
  /** The command that runs agentd, with the home or socket that was named. */
  program: readonly string[];
}

/** @throws {Failure} USAGE outside of a work tree */
export async function installationHere({ globals, host }: Session): Promise<Installation> {
  const { cwd, home, socket } = globals.at;
  const repository = await repositoryOf(cwd);
  if (repository === null) throw new Failure("USAGE", "there is no git work tree here; run it in one");
  const gitDirectory = (await git(repository.top, ["rev-parse", "--absolute-git-dir"])).replace(/\n$/, "");
  const named = [
    ...(home === undefined ? [] : ["--home", resolve(cwd, home)]),
    ...(socket === undefined ? [] : ["--socket", resolve(cwd, socket)]),
  ];
  const hooks = await hooksDirectory(repository);
  return { repository, top: repository.top, gitDirectory, hooks, program: [...host.program, ...named] };
}

/**
 * What changing files gives.
 * @throws {Failure} FOUND_A_PROBLEM when the system does not let it
 */
export async function changing<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof Error && "syscall" in cause)) throw cause;
    throw new Failure("FOUND_A_PROBLEM", `${cause.message}; what was done before is shown by: agentd guard status`);
  }
}

/** `pre-commit,pre-push`; `none` for none. */
export function readHooks(given: string): GitHook[] {
  return readNames(given, "hooks", gitHooks).filter(isGitHook);
}

/** `claude-code,codex`, each with its row of the table. */
export function readAgents(given: string): [name: string, agent: Agent][] {
  const wanted = readNames(given, "agents", Object.keys(agents));
  return Object.entries(agents).filter(([name]) => wanted.includes(name));
}

function readNames(given: string, option: string, choices: readonly string[]): string[] {
  if (given === "none") return [];
  const names = given.split(",").map((name) => name.trim());
  for (const name of names) {
    if (choices.includes(name)) continue;
    const hint = suggest(name, choices);
    throw new Failure("USAGE", `--${option} names ${name || "nothing"}${hint}; it can name ${choices.join(", ")}`);
  }
  return names;
}
