import { describe, expect, test } from "bun:test";
import { agentCommand } from "../../src/cli/guard/agent-file.ts";
import { agents } from "../../src/cli/guard/agents.ts";
import { type Agent, patchedPaths, readQuestion, Unreadable } from "../../src/cli/guard/agents/agent.ts";
import { asked, patch, patched } from "./agent-questions.ts";

function agent(name: string): Agent {
  const found = agents[name];
  if (found === undefined) throw new Error(`there is no agent ${name}`);
  return found;
}

describe("an agent asks", () => {
  test.each(asked)("%s: %s", (name, _what, input, expected) => {
    expect(readQuestion(agent(name).question, input)).toEqual(expected);
  });
});

describe("what an agent edits without saying what is not let pass", () => {
  test.each<[name: string, input: object]>([
    ["claude-code", { session_id: "s", cwd: "/w", tool_name: "Edit", tool_input: {} }],
    ["claude-code", { cwd: "/w", tool_name: "Edit", tool_input: { file_path: "/w/a" } }],
    ["codex", { session_id: "s", cwd: "/w", tool_name: "apply_patch", tool_input: { command: "no patch" } }],
    ["codex", { session_id: "s", cwd: "/w", tool_name: "apply_patch", tool_input: patch }],
    ["gemini-cli", { session_id: "g", cwd: "/w", tool_name: "replace", tool_input: { path: "a" } }],
    ["cursor", { conversation_id: "c", tool_name: "Write", tool_input: { contents: "x" } }],
    ["copilot-cli", { cwd: "/w", toolName: "edit", toolArgs: { path: "a" } }],
    ["copilot-cli", { sessionId: "p", cwd: "/w", toolName: "edit", toolArgs: "{" }],
    ["windsurf", { agent_action_name: "pre_write_code", trajectory_id: "w", tool_info: {} }],
    ["antigravity", { conversationId: "a", toolCall: { name: "write_to_file", args: {} } }],
    ["opencode", { sessionID: "o", directory: "/w", tool: "write", args: {} }],
  ])("%s %j", (name, input) => {
    expect(() => readQuestion(agent(name).question, input)).toThrow(Unreadable);
  });
});

describe("an agent is answered", () => {
  const preToolUse = {
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      permissionDecision: "deny",
      permissionDecisionReason: "held by codex:1",
    },
  };
  test.each<[name: string, allowed: object | "", refused: object | string]>([
    ["claude-code", "", preToolUse],
    ["codex", "", preToolUse],
    ["gemini-cli", {}, { decision: "deny", reason: "held by codex:1" }],
    [
      "cursor",
      { permission: "allow" },
      { permission: "deny", user_message: "held by codex:1", agent_message: "held by codex:1" },
    ],
    ["copilot-cli", "", { permissionDecision: "deny", permissionDecisionReason: "held by codex:1" }],
    ["windsurf", "", "held by codex:1"],
    ["antigravity", { decision: "ask" }, { decision: "deny", reason: "held by codex:1" }],
    ["opencode", "", "held by codex:1"],
  ])("%s", (name, allowed, refused) => {
    const text = (value: object | "") => (value === "" ? "" : `${JSON.stringify(value)}\n`);
    expect(agent(name).answer(null)).toEqual({ out: text(allowed), err: "", exit: 0 });
    expect(agent(name).answer("held by codex:1")).toEqual(
      typeof refused === "string"
        ? { out: "", err: `${refused}\n`, exit: 2 }
        : { out: text(refused), err: "", exit: 0 },
    );
  });
});

describe("a patch", () => {
  test("names every file it touches, with line ends of either kind", () => {
    expect(patchedPaths({ command: patch })).toEqual(patched);
    expect(patchedPaths({ anything: patch.replaceAll("\n", "\r\n") })).toEqual(patched);
  });
});

describe("Copilot CLI, which has no matchers", () => {
  test.each([
    ["view", { path: "a" }, ""],
    ["edit", { path: "a" }, "deny"],
  ])("is asked of by %s %j", async (toolName, toolArgs, expected) => {
    const copilot = agent("copilot-cli");
    if (copilot.file.kind !== "own") throw new Error("its file is its own");
    const { hooks } = JSON.parse(copilot.file.text(agentCommand("copilot-cli", copilot, ["/nowhere/agentd"]))) as {
      hooks: { preToolUse: { bash: string }[] };
    };
    const child = Bun.spawn(["bash", "-c", hooks.preToolUse[0]?.bash ?? ""], {
      env: { PATH: "/usr/bin:/bin" },
      stdin: new Blob([JSON.stringify({ sessionId: "p", cwd: "/w", toolName, toolArgs })]),
    });
    const out = await child.stdout.text();
    expect(out === "" ? "" : (JSON.parse(out) as { permissionDecision: string }).permissionDecision).toBe(expected);
    expect(await child.exited).toBe(0);
  });
});
