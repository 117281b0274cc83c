import { join } from "node:path";
import type { Asked } from "../../src/cli/guard/agents/agent.ts";

/** A patch in the form of `apply_patch`. */
export const patch = [
  "*** Begin Patch",
  "*** Add File: src/new file.rs",
  "+*** Add File: not this",
  "*** Update File: src/from.rs",
  "*** Move to: src/to.rs",
  "@@",
  "-*** Delete File: nor this",
  "*** Delete File: old.rs",
  "*** End Patch",
].join("\n");
/** The files it touches. */
export const patched = ["src/new file.rs", "src/from.rs", "src/to.rs", "old.rs"];

const edit = (session: string, cwd: string, ...paths: string[]) => ({ kind: "edit" as const, session, cwd, paths });
const end = (session: string) => ({ kind: "end" as const, session });
const other = { kind: "other" as const };
const here = process.cwd();

/** What agents write to a hook, by hand after their documentation, and what it means. */
export const asked: [name: string, what: string, input: object, expected: Asked][] = [
  [
    "claude-code",
    "an edit",
    {
      session_id: "abc123",
      transcript_path: "/x/t.jsonl",
      cwd: "/srv/app",
      permission_mode: "default",
      hook_event_name: "PreToolUse",
      tool_name: "Edit",
      tool_input: { file_path: "/srv/app/a.ts", old_string: "a", new_string: "b" },
      tool_use_id: "toolu_1",
    },
    edit("abc123", "/srv/app", "/srv/app/a.ts"),
  ],
  [
    "claude-code",
    "a new file",
    {
      session_id: "s",
      cwd: "/w",
      hook_event_name: "PreToolUse",
      tool_name: "Write",
      tool_input: { file_path: "/w/n" },
    },
    edit("s", "/w", "/w/n"),
  ],
  [
    "claude-code",
    "a notebook",
    { session_id: "s", cwd: "/w", tool_name: "NotebookEdit", tool_input: { notebook_path: "/w/n.ipynb" } },
    edit("s", "/w", "/w/n.ipynb"),
  ],
  [
    "claude-code",
    "a command",
    { session_id: "s", cwd: "/w", tool_name: "Bash", tool_input: { command: "rm x" } },
    other,
  ],
  ["claude-code", "the end", { session_id: "s", cwd: "/w", hook_event_name: "SessionEnd", reason: "other" }, end("s")],
  [
    "codex",
    "a patch",
    {
      session_id: "0199",
      turn_id: "t",
      transcript_path: null,
      cwd: "/srv/app",
      hook_event_name: "PreToolUse",
      model: "m",
      permission_mode: "default",
      tool_name: "apply_patch",
      tool_use_id: "call",
      tool_input: { command: patch },
    },
    edit("0199", "/srv/app", ...patched),
  ],
  ["codex", "a command", { session_id: "s", cwd: "/w", tool_name: "Bash", tool_input: { command: "ls" } }, other],
  [
    "gemini-cli",
    "a new file",
    {
      session_id: "g1",
      transcript_path: "/x",
      cwd: "/srv/app",
      hook_event_name: "BeforeTool",
      timestamp: "2026-11-28T00:00:00Z",
      tool_name: "write_file",
      tool_input: { file_path: "/srv/app/a.ts", content: "x" },
    },
    edit("g1", "/srv/app", "/srv/app/a.ts"),
  ],
  [
    "gemini-cli",
    "an edit",
    { session_id: "g", cwd: "/w", tool_name: "replace", tool_input: { file_path: "a.ts", old_string: "" } },
    edit("g", "/w", "a.ts"),
  ],
  [
    "gemini-cli",
    "a look",
    { session_id: "g", cwd: "/w", tool_name: "read_file", tool_input: { file_path: "a" } },
    other,
  ],
  ["gemini-cli", "the end", { session_id: "g", cwd: "/w", hook_event_name: "SessionEnd", reason: "exit" }, end("g")],
  [
    "cursor",
    "an edit",
    {
      conversation_id: "c1",
      generation_id: "g",
      model: "m",
      hook_event_name: "preToolUse",
      cursor_version: "3.0",
      workspace_roots: ["/srv/app"],
      user_email: null,
      transcript_path: null,
      tool_name: "Write",
      tool_input: { file_path: "/srv/app/a.ts" },
      tool_use_id: "t",
      cwd: "/srv/app",
    },
    edit("c1", "/srv/app", "/srv/app/a.ts"),
  ],
  [
    "cursor",
    "a deletion",
    { conversation_id: "c", workspace_roots: ["/w"], tool_name: "Delete", tool_input: { path: "a" } },
    edit("c", "/w", "a"),
  ],
  ["cursor", "a command", { conversation_id: "c", tool_name: "Shell", tool_input: { command: "ls" } }, other],
  ["cursor", "the end", { conversation_id: "c", hook_event_name: "sessionEnd", reason: "completed" }, end("c")],
  [
    "copilot-cli",
    "an edit",
    {
      sessionId: "p1",
      timestamp: 1,
      cwd: "/srv/app",
      toolName: "edit",
      toolArgs: '{"path":"src/a.ts","new_str":"x"}',
    },
    edit("p1", "/srv/app", "src/a.ts"),
  ],
  [
    "copilot-cli",
    "a new file, its arguments no text",
    { sessionId: "p", timestamp: 1, cwd: "/w", toolName: "create", toolArgs: { path: "/w/n" } },
    edit("p", "/w", "/w/n"),
  ],
  ["copilot-cli", "a look", { sessionId: "p", cwd: "/w", toolName: "view", toolArgs: { path: "/w/n" } }, other],
  ["copilot-cli", "the end", { sessionId: "p", timestamp: 1, cwd: "/w", reason: "complete" }, end("p")],
  [
    "windsurf",
    "an edit",
    {
      agent_action_name: "pre_write_code",
      trajectory_id: "w1",
      execution_id: "e",
      timestamp: "2026-11-28T00:00:00Z",
      tool_info: { file_path: "/srv/app/a.py", edits: [{ old_string: "a", new_string: "b" }] },
    },
    edit("w1", here, "/srv/app/a.py"),
  ],
  ["windsurf", "a command", { agent_action_name: "pre_run_command", trajectory_id: "w", tool_info: {} }, other],
  [
    "antigravity",
    "a new file",
    {
      conversationId: "a1",
      workspacePaths: ["/srv/app"],
      transcriptPath: "/x",
      stepIdx: 3,
      toolCall: { name: "write_to_file", args: { TargetFile: "/srv/app/a.ts", CodeContent: "x" } },
    },
    edit("a1", "/srv/app", "/srv/app/a.ts"),
  ],
  [
    "antigravity",
    "an edit, its arguments as JSON texts",
    {
      conversationId: "a",
      workspacePaths: ["/w"],
      toolCall: { name: "replace_file_content", args: { TargetFile: '"/w/a"' } },
    },
    edit("a", "/w", "/w/a"),
  ],
  [
    "antigravity",
    "a command",
    { conversationId: "a", toolCall: { name: "run_command", args: { CommandLine: "ls" } } },
    other,
  ],
  [
    "opencode",
    "an edit",
    {
      event: "tool.execute.before",
      sessionID: "o1",
      directory: "/srv/app",
      tool: "edit",
      args: { filePath: "/srv/app/a" },
    },
    edit("o1", "/srv/app", "/srv/app/a"),
  ],
  [
    "opencode",
    "a patch",
    { event: "tool.execute.before", sessionID: "o", directory: "/w", tool: "apply_patch", args: { patchText: patch } },
    edit("o", "/w", ...patched),
  ],
  ["opencode", "a command", { sessionID: "o", directory: "/w", tool: "bash", args: { command: "ls" } }, other],
  ["opencode", "the end", { event: "session.deleted", sessionID: "o", directory: "/w" }, end("o")],
];

/** What each agent writes before it edits files, and at its end if it tells of that. */
export const questions: Record<
  string,
  { edit(session: string, cwd: string, path: string): object; end?: (session: string) => object }
> = {
  "claude-code": {
    edit: (session_id, cwd, file_path) => ({
      session_id,
      cwd,
      hook_event_name: "PreToolUse",
      tool_name: "Edit",
      tool_input: { file_path },
    }),
    end: (session_id) => ({ session_id, hook_event_name: "SessionEnd", reason: "other" }),
  },
  codex: {
    edit: (session_id, cwd, path) => ({
      session_id,
      cwd,
      hook_event_name: "PreToolUse",
      tool_name: "apply_patch",
      tool_input: { command: `*** Begin Patch\n*** Update File: ${path}\n@@\n-a\n+b\n*** End Patch` },
    }),
  },
  "gemini-cli": {
    edit: (session_id, cwd, file_path) => ({
      session_id,
      cwd,
      hook_event_name: "BeforeTool",
      tool_name: "replace",
      tool_input: { file_path },
    }),
    end: (session_id) => ({ session_id, hook_event_name: "SessionEnd", reason: "exit" }),
  },
  cursor: {
    edit: (conversation_id, cwd, file_path) => ({
      conversation_id,
      workspace_roots: [cwd],
      cwd,
      tool_name: "Write",
      tool_input: { file_path },
    }),
    end: (conversation_id) => ({ conversation_id, hook_event_name: "sessionEnd", reason: "completed" }),
  },
  "copilot-cli": {
    edit: (sessionId, cwd, path) => ({ sessionId, cwd, toolName: "edit", toolArgs: JSON.stringify({ path }) }),
    end: (sessionId) => ({ sessionId, reason: "complete" }),
  },
  windsurf: {
    edit: (trajectory_id, cwd, path) => ({
      agent_action_name: "pre_write_code",
      trajectory_id,
      tool_info: { file_path: path.startsWith("/") ? path : join(cwd, path) },
    }),
  },
  antigravity: {
    edit: (conversationId, cwd, TargetFile) => ({
      conversationId,
      workspacePaths: [cwd],
      toolCall: { name: "write_to_file", args: { TargetFile } },
    }),
  },
  opencode: {
    edit: (sessionID, directory, filePath) => ({ sessionID, directory, tool: "edit", args: { filePath } }),
    end: (sessionID) => ({ event: "session.deleted", sessionID }),
  },
};
