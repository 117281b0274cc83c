import type { Agent } from "./agents/agent.ts";
import { antigravity } from "./agents/antigravity.ts";
import { claudeCode } from "./agents/claude-code.ts";
import { codex } from "./agents/codex.ts";
import { copilotCli } from "./agents/copilot-cli.ts";
import { cursor } from "./agents/cursor.ts";
import { geminiCli } from "./agents/gemini-cli.ts";
import { opencode } from "./agents/opencode.ts";
import { windsurf } from "./agents/windsurf.ts";

/** Every agent whose documentation has a hook that can refuse an edit before it is made. */
export const agents: Readonly<Record<string, Agent>> = {
  "claude-code": claudeCode,
  codex,
  "gemini-cli": geminiCli,
  cursor,
  "copilot-cli": copilotCli,
  windsurf,
  antigravity,
  opencode,
};

/** The agent whose session an owner's name tells of; undefined for any other owner. */
export function agentOf(owner: string): Agent | undefined {
  const name = owner.slice(0, Math.max(0, owner.indexOf(":")));
  return Object.hasOwn(agents, name) ? agents[name] : undefined;
}
