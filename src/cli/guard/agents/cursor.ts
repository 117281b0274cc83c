import { type Agent, type Asked, type Fields, fieldsOf, firstText, json, needed, textOf } from "./agent.ts";

/** The documentation names Write and Delete; the others were seen in use. */
const editing = ["Write", "Delete", "Edit", "StrReplace", "EditNotebook"];

const pathFields = ["file_path", "path", "target_file", "filePath", "target_notebook", "notebook_path"];

/**
 * Cursor, as documented on 2026-11-28. preToolUse gives `conversation_id`, `cwd`, `workspace_roots`, `tool_name` and
 * `tool_input`, whose fields are not documented tool by tool: a file is looked for under the names in use, and an edit
 * without one is refused. `failClosed` makes a hook that fails refuse.
 */
export const cursor: Agent = {
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
        entry: { command, matcher: `^(${editing.join("|")})$`, timeout: 60, failClosed: true },
      },
      { list: ["hooks", "sessionEnd"], entry: { command, timeout: 60 } },
    ],
  },
  read(input): Asked {
    const session = needed(firstText(input, "conversation_id", "session_id"), "its conversation");
    if (textOf(input, "hook_event_name") === "sessionEnd") return { kind: "end", session };
    if (!editing.includes(textOf(input, "tool_name") ?? "")) return { kind: "other" };
    const path = firstText(fieldsOf(input.tool_input), ...pathFields);
    return { kind: "edit", session, cwd: workingDirectory(input), paths: [needed(path, "which file it edits")] };
  },
  answer: (refusal) =>
    json(
      refusal === null
        ? { permission: "allow" }
        : { permission: "deny", user_message: refusal, agent_message: refusal },
    ),
};

function workingDirectory(input: Fields): string {
  const [root] = Array.isArray(input.workspace_roots) ? (input.workspace_roots as unknown[]) : [];
  return textOf(input, "cwd") ?? (typeof root === "string" ? root : process.cwd());
}
