import { type Agent, type Asked, fieldsOf, needed, patchedPaths, silence, textOf } from "./agent.ts";

/** Set by the plugin itself. */
const shellSession = "AGENTD_OPENCODE_SESSION";
const editing = ["edit", "write", "multiedit", "apply_patch", "patch"];

/**
 * opencode, as documented on 2026-11-28. A plugin is code: this one hands `tool.execute.before` of the editing tools to
 * the guard, and throws when it refuses, which stops the tool. It also tells the session's shells whose they are, and
 * gives the locks back when a session is deleted.
 */
export const opencode: Agent = {
  title: "opencode",
  source: "https://opencode.ai/docs/plugins",
  shellSession,
  file: { kind: "own", path: ".opencode/plugins/agentd-guard.js", text: pluginText },
  read(input): Asked {
    const session = needed(textOf(input, "sessionID"), "its session");
    if (textOf(input, "event") === "session.deleted") return { kind: "end", session };
    const tool = textOf(input, "tool") ?? "";
    if (!editing.includes(tool)) return { kind: "other" };
    const args = fieldsOf(input.args);
    const path = textOf(args, "filePath");
    return {
      kind: "edit",
      session,
      cwd: needed(textOf(input, "directory"), "where it works"),
      paths: path === undefined ? patchedPaths(args) : [path],
    };
  },
  answer: (refusal) => (refusal === null ? silence : { out: "", err: `${refusal}\n`, exit: 2 }),
};

function pluginText(command: string): string {
  return `// agentd guard: edits of files that others have locked are refused. Put here by \`agentd guard install\`.
import { spawn } from "node:child_process";

const command = ${JSON.stringify(command)};
const editing = ${JSON.stringify(editing)};

/** Asks the guard: its exit status, and what it has to say. */
function ask(question) {
  return new Promise((resolve) => {
    const child = spawn("/bin/sh", ["-c", command], { stdio: ["pipe", "ignore", "pipe"] });
    let reason = "";
    child.stderr.on("data", (chunk) => (reason += chunk));
    child.on("error", (error) => resolve({ status: 1, reason: error.message }));
    child.on("close", (status) => resolve({ status, reason }));
    child.stdin.on("error", () => {});
    child.stdin.end(JSON.stringify(question));
  });
}

export const AgentdGuard = async ({ directory }) => ({
  "tool.execute.before": async ({ tool, sessionID }, { args }) => {
    if (!editing.includes(tool)) return;
    const { status, reason } = await ask({ event: "tool.execute.before", sessionID, directory, tool, args });
    if (status !== 0) throw new Error(reason.trim() || "agentd: could not check whether others hold the file");
  },
  "shell.env": async ({ sessionID }, { env }) => {
    if (sessionID) env.${shellSession} = sessionID;
  },
  event: async ({ event }) => {
    const sessionID = event.properties?.info?.id;
    if (event.type === "session.deleted" && sessionID) await ask({ event: event.type, sessionID, directory });
  },
});
`;
}
