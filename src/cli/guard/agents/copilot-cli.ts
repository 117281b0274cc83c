import { type Agent, type Asked, type Fields, fieldsOf, json, needed, silence, textOf, Unreadable } from "./agent.ts";

const editing = new Set(["edit", "create"]);

/**
 * GitHub Copilot CLI, as documented on 2026-11-28. preToolUse gives `sessionId`, `cwd`, `toolName` and `toolArgs`, which
 * is an object or the JSON text of one; both editing tools have `path`. There are no matchers, so the hook runs for
 * every tool. A hook that fails is skipped.
 */
export const copilotCli: Agent = {
  title: "GitHub Copilot CLI",
  source: "https://docs.github.com/en/copilot/reference/copilot-cli-reference/cli-hooks-reference",
  shellSession: "COPILOT_AGENT_SESSION_ID",
  file: {
    kind: "own",
    path: ".github/hooks/agentd-guard.json",
    text(command) {
      const entry = (bash: string) => [{ type: "command", bash, timeoutSec: 60 }];
      const hooks = { preToolUse: entry(forEdits(command)), sessionEnd: entry(command) };
      return `${JSON.stringify({ version: 1, hooks }, null, 2)}\n`;
    },
  },
  read(input): Asked {
    const tool = textOf(input, "toolName");
    const session = textOf(input, "sessionId");
    if (tool === undefined) return session === undefined ? { kind: "other" } : { kind: "end", session };
    if (!editing.has(tool)) return { kind: "other" };
    return {
      kind: "edit",
      session: needed(session, "its session; older versions do not, and newer ones do"),
      cwd: textOf(input, "cwd") ?? process.cwd(),
      paths: [needed(textOf(toolArguments(input), "path"), "which file it edits")],
    };
  },
  answer: (refusal) =>
    refusal === null ? silence : json({ permissionDecision: "deny", permissionDecisionReason: refusal }),
};

/** Most tools edit nothing: they need no agentd, and are not refused where there is none. */
function forEdits(command: string): string {
  const patterns = [...editing].map((tool) => `*${tool}*`).join(" | ");
  return `input=$(cat); case $input in ${patterns}) printf "%s" "$input" | ${command} ;; esac`;
}

function toolArguments({ toolArgs }: Fields): Fields {
  if (typeof toolArgs !== "string") return fieldsOf(toolArgs);
  try {
    return fieldsOf(JSON.parse(toolArgs));
  } catch {
    throw new Unreadable("the agent's tool arguments are no JSON");
  }
}
