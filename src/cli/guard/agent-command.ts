import type { Agent } from "./agents/agent.ts";
import { plainPath, runAgentd, shellWord } from "./shell.ts";

/** How a command of ours is known in a settings file. */
export const commandMark = "guard agent-hook ";

/**
 * The command an agent's hook runs, for any shell. Most agents let an edit pass when a hook fails, so it refuses itself, in
 * the agent's own words, when agentd is missing or ends in a way that is no answer.
 */
export function agentCommand(name: string, agent: Agent, program: readonly string[]): string {
  const [executable = ""] = program;
  const refusal = agent.answer(
    "agentd: could not check whether others hold what the edit changes, so it is refused: agentd is missing or failed " +
      `(${plainPath(executable)}). AGENTD_GUARD=off passes the guard.`,
  );
  const refuse =
    refusal.exit === 0
      ? `printf "%s\\n" ${shellWord(refusal.out.trim())}`
      : `echo ${shellWord(refusal.err.trim())} >&2; exit ${refusal.exit}`;
  const script =
    `${runAgentd(program, `${commandMark}${name}`)} || ` +
    `{ [ $? -eq 2 ] && exit 2; [ "$AGENTD_GUARD" = off ] && exit 0; ${refuse}; }`;
  return `/bin/sh -c ${shellWord(script)}`;
}

/** The executable a command made here tries first; null when it cannot be told. */
export function executableOf(command: string): string | null {
  return /\[ -x (\S+?) \];/.exec(command)?.[1] ?? null;
}
