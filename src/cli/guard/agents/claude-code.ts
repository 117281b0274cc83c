import { type Agent, type Asked, fieldsOf, firstText, json, needed, silence, textOf } from "./agent.ts";

/** Seconds; a SessionEnd hook would else get 1.5. */
const timeout = 60;
const editing = ["Edit", "MultiEdit", "Write", "NotebookEdit"];

/**
 * Claude Code, as documented on 2026-11-28. PreToolUse gives `session_id`, `cwd`, `tool_name` and `tool_input.file_path`
 * or `.notebook_path`; a hook that prints nothing leaves the tool to the usual permissions. Exit status 2 blocks, any
 * other failure does not.
 */
export const claudeCode: Agent = {
  title: "Claude Code",
  source: "https://code.claude.com/docs/en/hooks",
  shellSession: "CLAUDE_CODE_SESSION_ID",
  file: {
    kind: "shared",
    path: ".claude/settings.local.json",
    members: {},
    entries: (command) => [
      {
        list: ["hooks", "PreToolUse"],
        entry: { matcher: editing.join("|"), hooks: [{ type: "command", command, timeout }] },
      },
      { list: ["hooks", "SessionEnd"], entry: { hooks: [{ type: "command", command, timeout }] } },
    ],
  },
  read(input): Asked {
    const event = textOf(input, "hook_event_name");
    if (event === "SessionEnd") return { kind: "end", session: needed(textOf(input, "session_id"), "its session") };
    if (!editing.includes(textOf(input, "tool_name") ?? "")) return { kind: "other" };
    const path = firstText(fieldsOf(input.tool_input), "file_path", "notebook_path");
    return {
      kind: "edit",
      session: needed(textOf(input, "session_id"), "its session"),
      cwd: textOf(input, "cwd") ?? process.cwd(),
      paths: [needed(path, "which file it edits")],
    };
  },
  answer: (refusal) => (refusal === null ? silence : denyPreToolUse(refusal)),
};

/** The refusal Claude Code, and Codex after it, understands. */
export function denyPreToolUse(permissionDecisionReason: string) {
  return json({
    hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision: "deny", permissionDecisionReason },
  });
}
