import { type Agent, type Asked, fieldsOf, json, needed, textOf } from "./agent.ts";

const editing = ["write_file", "replace"];
/** In milliseconds, here. */
const timeout = 60_000;

/**
 * Gemini CLI, as documented on 2026-11-28. BeforeTool gives `session_id`, `cwd`, `tool_name` and `tool_input`, where
 * both editing tools have `file_path`. It does not wait for a SessionEnd hook.
 */
export const geminiCli: Agent = {
  title: "Gemini CLI",
  source: "https://geminicli.com/docs/hooks/reference",
  file: {
    kind: "shared",
    path: ".gemini/settings.json",
    members: {},
    entries: (command) => [
      {
        list: ["hooks", "BeforeTool"],
        entry: {
          matcher: `^(${editing.join("|")})$`,
          hooks: [{ name: "agentd-guard", type: "command", command, timeout }],
        },
      },
      {
        list: ["hooks", "SessionEnd"],
        entry: { hooks: [{ name: "agentd-guard", type: "command", command, timeout }] },
      },
    ],
  },
  read(input): Asked {
    const event = textOf(input, "hook_event_name");
    if (event === "SessionEnd") return { kind: "end", session: needed(textOf(input, "session_id"), "its session") };
    if (!editing.includes(textOf(input, "tool_name") ?? "")) return { kind: "other" };
    return {
      kind: "edit",
      session: needed(textOf(input, "session_id"), "its session"),
      cwd: textOf(input, "cwd") ?? process.cwd(),
      paths: [needed(textOf(fieldsOf(input.tool_input), "file_path"), "which file it edits")],
    };
  },
  answer: (refusal) => json(refusal === null ? {} : { decision: "deny", reason: refusal }),
};
