import { type Agent, type Asked, type Fields, fieldsOf, json, needed, textOf } from "./agent.ts";

const editing = ["write_to_file", "replace_file_content", "multi_replace_file_content"];

/**
 * Antigravity, as documented on 2026-11-28. PreToolUse gives `conversationId`, `workspacePaths` and `toolCall: {name,
 * args}`, where editing tools have `TargetFile`. A decision has to be given: an edit that may pass gets `ask`, which
 * leaves it to the person and what they granted before, since `allow` could stand for their approval. What a hook that
 * fails means is not documented, so this one always answers.
 */
export const antigravity: Agent = {
  title: "Antigravity",
  source: "https://antigravity.google/docs/hooks",
  shellSession: "ANTIGRAVITY_CONVERSATION_ID",
  file: {
    kind: "shared",
    path: ".agents/hooks.json",
    members: {},
    entries: (command) => [
      {
        list: ["agentd-guard", "PreToolUse"],
        entry: { matcher: `^(${editing.join("|")})$`, hooks: [{ type: "command", command, timeout: 60 }] },
      },
    ],
  },
  read(input): Asked {
    const call = fieldsOf(input.toolCall);
    if (!editing.includes(textOf(call, "name") ?? "")) return { kind: "other" };
    const path = textOf(fieldsOf(call.args), "TargetFile");
    return {
      kind: "edit",
      session: needed(textOf(input, "conversationId"), "its conversation"),
      cwd: workspace(input),
      paths: [bare(needed(path, "which file it edits"))],
    };
  },
  answer: (refusal) => json(refusal === null ? { decision: "ask" } : { decision: "deny", reason: refusal }),
};

function workspace({ workspacePaths }: Fields): string {
  const [first] = Array.isArray(workspacePaths) ? (workspacePaths as unknown[]) : [];
  return typeof first === "string" ? first : process.cwd();
}

/** Some versions give arguments as JSON texts. */
function bare(path: string): string {
  return /^"(.*)"$/s.exec(path)?.[1] ?? path;
}
