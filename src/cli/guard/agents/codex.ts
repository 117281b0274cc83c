import { type Agent, type Asked, fieldsOf, needed, patchedPaths, silence, textOf } from "./agent.ts";
import { denyPreToolUse } from "./claude-code.ts";

/**
 * Codex CLI, as documented on 2026-11-28. Files are changed by the tool `apply_patch`, whose patch stands in
 * `tool_input.command` with paths from `cwd`. It runs the tool when a hook fails, or answers with a field it does not
 * know. There is no end of a session to hear of in every version, so its locks end by their time.
 */
export const codex: Agent = {
  title: "Codex CLI",
  source: "https://developers.openai.com/codex/hooks",
  shellSession: "CODEX_THREAD_ID",
  file: {
    kind: "shared",
    path: ".codex/hooks.json",
    members: {},
    entries: (command) => [
      {
        list: ["hooks", "PreToolUse"],
        entry: { matcher: "^(apply_patch|Edit|Write)$", hooks: [{ type: "command", command, timeout: 60 }] },
      },
    ],
  },
  read(input): Asked {
    if (textOf(input, "tool_name") !== "apply_patch") return { kind: "other" };
    return {
      kind: "edit",
      session: needed(textOf(input, "session_id"), "its session"),
      cwd: needed(textOf(input, "cwd"), "where it works"),
      paths: patchedPaths(fieldsOf(input.tool_input)),
    };
  },
  answer: (refusal) => (refusal === null ? silence : denyPreToolUse(refusal)),
};
