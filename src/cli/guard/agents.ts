import type { Agent, Answer } from "./agents/agent.ts";
import { opencodeEditing, opencodePlugin, opencodeSession } from "./agents/opencode.ts";

/* As their documentation was on 2026-11-28. */

const claudeEditing = ["Edit", "MultiEdit", "Write", "NotebookEdit"];
const geminiEditing = ["write_file", "replace"];
/** The documentation names Write and Delete; the others were seen in use. */
const cursorEditing = ["Write", "Delete", "Edit", "StrReplace", "EditNotebook"];
const copilotEditing = ["edit", "create"];
const antigravityEditing = ["write_to_file", "replace_file_content", "multi_replace_file_content"];

/** What most agents write of a tool, and of themselves. */
const usual = { session: ["its session", "session_id"], cwd: ["cwd"] } as const;

/** An entry in a list of hooks; `timeout` in the agent's own unit. */
const hooked = (command: string, timeout: number, matcher?: string, name?: string) => ({
  ...(matcher === undefined ? {} : { matcher }),
  hooks: [{ ...(name === undefined ? {} : { name }), type: "command", command, timeout }],
});
const oneOf = (names: readonly string[]) => `^(${names.join("|")})$`;

/** An answer of agents that take JSON on standard output and exit status 0. */
const json = (value: unknown): Answer => ({ out: `${JSON.stringify(value)}\n`, err: "", exit: 0 });
const silence: Answer = { out: "", err: "", exit: 0 };
/** Of agents for which exit status 2 blocks, and standard error says why. */
const blocked = (refusal: string | null): Answer =>
  refusal === null ? silence : { out: "", err: `${refusal}\n`, exit: 2 };
/** Of Claude Code, and Codex after it. Of a hook that prints nothing the tool is left to the usual permissions. */
const preToolUse = (permissionDecisionReason: string | null): Answer =>
  permissionDecisionReason === null
    ? silence
    : json({
        hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision: "deny", permissionDecisionReason },
      });

/** Every agent whose documentation has a hook that can refuse an edit before it is made. */
export const agents: Readonly<Record<string, Agent>> = {
  /** Exit status 2 blocks, any other failure does not. A SessionEnd hook would get 1.5 seconds if it did not say. */
  "claude-code": {
    title: "Claude Code",
    source: "https://code.claude.com/docs/en/hooks",
    shellSession: "CLAUDE_CODE_SESSION_ID",
    file: {
      kind: "shared",
      path: ".claude/settings.local.json",
      members: {},
      entries: (command) => [
        { list: ["hooks", "PreToolUse"], entry: hooked(command, 60, claudeEditing.join("|")) },
        { list: ["hooks", "SessionEnd"], entry: hooked(command, 60) },
      ],
    },
    question: {
      ...usual,
      end: ["hook_event_name", "SessionEnd"],
      tool: ["tool_name", claudeEditing],
      file: ["tool_input.file_path", "tool_input.notebook_path"],
    },
    answer: preToolUse,
  },
  /**
   * It runs the tool when a hook fails, or answers with a field it does not know. There is no end of a session to hear of in
   * every version, so its locks end by their time.
   */
  codex: {
    title: "Codex CLI",
    source: "https://developers.openai.com/codex/hooks",
    shellSession: "CODEX_THREAD_ID",
    file: {
      kind: "shared",
      path: ".codex/hooks.json",
      members: {},
      entries: (command) => [
        { list: ["hooks", "PreToolUse"], entry: hooked(command, 60, oneOf(["apply_patch", "Edit", "Write"])) },
      ],
    },
    question: { ...usual, tool: ["tool_name", ["apply_patch"]], file: [], patch: "tool_input" },
    answer: preToolUse,
  },
  /** Times are in milliseconds, here. It does not wait for a SessionEnd hook. */
  "gemini-cli": {
    title: "Gemini CLI",
    source: "https://geminicli.com/docs/hooks/reference",
    file: {
      kind: "shared",
      path: ".gemini/settings.json",
      members: {},
      entries: (command) => [
        { list: ["hooks", "BeforeTool"], entry: hooked(command, 60_000, oneOf(geminiEditing), "agentd-guard") },
        { list: ["hooks", "SessionEnd"], entry: hooked(command, 60_000, undefined, "agentd-guard") },
      ],
    },
    question: {
      ...usual,
      end: ["hook_event_name", "SessionEnd"],
      tool: ["tool_name", geminiEditing],
      file: ["tool_input.file_path"],
    },
    answer: (refusal) => json(refusal === null ? {} : { decision: "deny", reason: refusal }),
  },
  /**
   * The fields of `tool_input` are not documented tool by tool: a file is looked for under the names in use, and an edit
   * without one is refused. `failClosed` makes a hook that fails refuse.
   */
  cursor: {
    title: "Cursor",
    source: "https://cursor.com/docs/hooks",
    shellSession: "CURSOR_CONVERSATION_ID",
    file: {
      kind: "shared",
      path: ".cursor/hooks.json",
      members: { version: 1 },
      entries: (command) => [
        {
          list: ["hooks", "preToolUse"],
          entry: { command, matcher: oneOf(cursorEditing), timeout: 60, failClosed: true },
        },
        { list: ["hooks", "sessionEnd"], entry: { command, timeout: 60 } },
      ],
    },
    question: {
      session: ["its conversation", "conversation_id", "session_id"],
      end: ["hook_event_name", "sessionEnd"],
      tool: ["tool_name", cursorEditing],
      cwd: ["cwd", "workspace_roots.0"],
      file: ["file_path", "path", "target_file", "filePath", "target_notebook", "notebook_path"].map(
        (field) => `tool_input.${field}`,
      ),
    },
    answer: (refusal) =>
      json(
        refusal === null
          ? { permission: "allow" }
          : { permission: "deny", user_message: refusal, agent_message: refusal },
      ),
  },
  /** There are no matchers, so the hook runs for every tool. A hook that fails is skipped. */
  "copilot-cli": {
    title: "GitHub Copilot CLI",
    source: "https://docs.github.com/en/copilot/reference/copilot-cli-reference/cli-hooks-reference",
    shellSession: "COPILOT_AGENT_SESSION_ID",
    file: {
      kind: "own",
      path: ".github/hooks/agentd-guard.json",
      text(command) {
        const entry = (bash: string) => [{ type: "command", bash, timeoutSec: 60 }];
        const hooks = { preToolUse: entry(forCopilotEdits(command)), sessionEnd: entry(command) };
        return `${JSON.stringify({ version: 1, hooks }, null, 2)}\n`;
      },
    },
    question: {
      session: ["its session; older versions do not, and newer ones do", "sessionId"],
      end: ["toolName", undefined],
      tool: ["toolName", copilotEditing],
      cwd: ["cwd"],
      file: ["toolArgs.path"],
    },
    answer: (refusal) =>
      refusal === null ? silence : json({ permissionDecision: "deny", permissionDecisionReason: refusal }),
  },
  /** It tells of no end of a conversation, and its paths are absolute. */
  windsurf: {
    title: "Windsurf (Cascade)",
    source: "https://docs.windsurf.com/windsurf/cascade/hooks",
    file: {
      kind: "shared",
      path: ".windsurf/hooks.json",
      members: {},
      entries: (command) => [{ list: ["hooks", "pre_write_code"], entry: { command, show_output: true } }],
    },
    question: {
      session: ["its conversation", "trajectory_id"],
      tool: ["agent_action_name", ["pre_write_code"]],
      cwd: [],
      file: ["tool_info.file_path"],
    },
    answer: blocked,
  },
  /**
   * A decision has to be given: an edit that may pass gets `ask`, which leaves it to the person and what they granted before,
   * since `allow` could stand for their approval. What a hook that fails means is not documented, so this one always answers.
   */
  antigravity: {
    title: "Antigravity",
    source: "https://antigravity.google/docs/hooks",
    shellSession: "ANTIGRAVITY_CONVERSATION_ID",
    file: {
      kind: "shared",
      path: ".agents/hooks.json",
      members: {},
      entries: (command) => [
        { list: ["agentd-guard", "PreToolUse"], entry: hooked(command, 60, oneOf(antigravityEditing)) },
      ],
    },
    question: {
      session: ["its conversation", "conversationId"],
      tool: ["toolCall.name", antigravityEditing],
      cwd: ["workspacePaths.0"],
      file: ["toolCall.args.TargetFile"],
      quoted: true,
    },
    answer: (refusal) => json(refusal === null ? { decision: "ask" } : { decision: "deny", reason: refusal }),
  },
  /** A plugin is code: this one also tells the session's shells whose they are. */
  opencode: {
    title: "opencode",
    source: "https://opencode.ai/docs/plugins",
    shellSession: opencodeSession,
    file: { kind: "own", path: ".opencode/plugins/agentd-guard.js", text: opencodePlugin },
    question: {
      session: ["its session", "sessionID"],
      end: ["event", "session.deleted"],
      tool: ["tool", opencodeEditing],
      cwd: ["directory"],
      file: ["args.filePath"],
      patch: "args",
    },
    answer: blocked,
  },
};

/** Most tools edit nothing: they need no agentd, and are not refused where there is none. */
function forCopilotEdits(command: string): string {
  const patterns = copilotEditing.map((tool) => `*${tool}*`).join(" | ");
  return `input=$(cat); case $input in ${patterns}) printf "%s" "$input" | ${command} ;; esac`;
}

/** The agent whose session an owner's name tells of; undefined for any other owner. */
export function agentOf(owner: string): Agent | undefined {
  const name = owner.slice(0, Math.max(0, owner.indexOf(":")));
  return Object.hasOwn(agents, name) ? agents[name] : undefined;
}
