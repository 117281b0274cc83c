/** Set by the plugin itself. */
export const opencodeSession = "AGENTD_OPENCODE_SESSION";
export const opencodeEditing = ["edit", "write", "multiedit", "apply_patch", "patch"];

/**
 * Hands `tool.execute.before` of the editing tools to the guard, and throws when it refuses, which stops the tool; gives the
 * locks back when a session is deleted.
 */
export function opencodePlugin(command: string): string {
  return `// agentd guard: edits of files that others have locked are refused. Put here by \`agentd guard install\`.
import { spawn } from "node:child_process";

const command = ${JSON.stringify(command)};
const editing = ${JSON.stringify(opencodeEditing)};

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
    if (sessionID) env.${opencodeSession} = sessionID;
  },
  event: async ({ event }) => {
    const sessionID = event.properties?.info?.id;
    if (event.type === "session.deleted" && sessionID) await ask({ event: event.type, sessionID, directory });
  },
});
`;
}
