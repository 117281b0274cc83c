import { type Agent, type Asked, fieldsOf, needed, silence, textOf } from "./agent.ts";

/**
 * Windsurf (Cascade), as documented on 2026-11-28. pre_write_code gives `trajectory_id`, the conversation, and
 * `tool_info.file_path`, absolute; exit status 2 blocks, and standard error says why. It tells of no end of a
 * conversation.
 */
export const windsurf: Agent = {
  title: "Windsurf (Cascade)",
  source: "https://docs.windsurf.com/windsurf/cascade/hooks",
  file: {
    kind: "shared",
    path: ".windsurf/hooks.json",
    members: {},
    entries: (command) => [{ list: ["hooks", "pre_write_code"], entry: { command, show_output: true } }],
  },
  read(input): Asked {
    if (textOf(input, "agent_action_name") !== "pre_write_code") return { kind: "other" };
    return {
      kind: "edit",
      session: needed(textOf(input, "trajectory_id"), "its conversation"),
      cwd: process.cwd(),
      paths: [needed(textOf(fieldsOf(input.tool_info), "file_path"), "which file it edits")],
    };
  },
  answer: (refusal) => (refusal === null ? silence : { out: "", err: `${refusal}\n`, exit: 2 }),
};
