import { stat } from "node:fs/promises";
import { command, flag, option } from "../command.ts";
import { Failure } from "../exits.ts";
import { type AgentState, agentState, installAgent, uninstallAgent } from "./agent-file.ts";
import { agents } from "./agents.ts";
import { type HookState, hookState, installHook, uninstallHook } from "./hook-file.ts";
import { changing, type Installation, installationHere, readAgents, readHooks } from "./installation.ts";
import { type Column, dim, green, table, yellow } from "../text.ts";
import { gitHooks } from "./hook-tools.ts";

/** What brings changes into the history: commits, and merges that need no help. */
const defaultHooks = "pre-commit,pre-merge-commit";
const allAgents = Object.keys(agents).join(",");
const unsupported = [
  "Other agents are not supported; aider, for example, has no documented hook that could refuse an edit. Changes that an agent",
  "makes by a shell command are only seen by the git hooks, when they are committed.",
];

export const install = command({
  args: {
    hooks: option("NAMES", `git hooks, of ${gitHooks.join(", ")}; or none (${defaultHooks})`),
    agents: option("NAMES", "agents whose edits are guarded, or none (none)"),
    "shared-hooks": flag("install even if core.hooksPath is shared with other repositories"),
  },
  examples: [
    ["guard install", "refuse commits of files that others have locked, in every work tree of this repository"],
    ["guard install --hooks pre-commit,pre-merge-commit,pre-push", "refuse pushes of them, too"],
    ["guard install --agents claude-code,codex", "lock each file before an agent edits it"],
  ],
  notes: [
    `Agents: ${allAgents.replaceAll(",", ", ")}.`,
    ...unsupported,
    "",
    "An existing hook is kept and runs first. An agent's hook is written to the settings of this work tree only.",
    "If agentd cannot be asked, the guard refuses. AGENTD_GUARD=off turns it off for one command, and is journalled.",
  ].join("\n"),
  async run({ hooks = defaultHooks, agents: named = "none", "shared-hooks": shared = false }, session) {
    const wantedHooks = readHooks(hooks);
    const wantedAgents = readAgents(named);
    const place = await installationHere(session);
    if (wantedHooks.length > 0) await checkDirectory(place, shared);
    const done: Done[] = [];
    for (const hook of wantedHooks) {
      const { elsewhere, author: by } = await hookState(place.hooks.path, hook, place.program);
      const action = await changing(installHook(place.hooks.path, hook, place.program));
      const { path, chained, author } = await hookState(place.hooks.path, hook, place.program);
      done.push({ name: hook, action, path, chained, author });
      if (elsewhere.length > 0) session.note(takenBackText(by, elsewhere));
    }
    for (const [name, agent] of wantedAgents) {
      const action = await changing(installAgent(name, agent, place, place.program));
      done.push({ name, action, path: `${place.top}/${agent.file.path}`, chained: null, author: null });
    }
    session.show({ scope: place.repository.scope, done }, () => doneText(done));
    if (place.hooks.whose === "tracked" && wantedHooks.length > 0) {
      session.note(
        `${place.hooks.path} is part of the work tree: other work trees have their own, and git shows the change`,
      );
    }
    if (named.includes("codex")) session.note("next: in Codex, trust the hook with /hooks");
  },
});

export const status = command({
  args: {},
  examples: [["guard status", "what is guarded, and by which agentd"]],
  async run(_args, session) {
    const place = await installationHere(session);
    const hooks = await Promise.all(gitHooks.map((hook) => hookState(place.hooks.path, hook, place.program)));
    const guarded = await Promise.all(
      Object.entries(agents).map(([name, agent]) => agentState(name, agent, place, place.program)),
    );
    const { scope } = place.repository;
    const answer = { scope, hooks_directory: place.hooks.path, hooks, agents: guarded };
    session.show(answer, () => stateText(hooks, guarded));
    for (const each of hooks) if (each.state === "displaced") session.note(displacedText(each));
  },
});

export const uninstall = command({
  args: {
    hooks: option("NAMES", "git hooks, or none (all)"),
    agents: option("NAMES", "agents, or none (all)"),
  },
  examples: [
    ["guard uninstall", "remove it everywhere and restore what was there before"],
    ["guard uninstall --hooks none --agents codex", "remove it for one agent only"],
  ],
  async run({ hooks = gitHooks.join(","), agents: named = allAgents }, session) {
    const [wantedHooks, wantedAgents] = [readHooks(hooks), readAgents(named)];
    const place = await installationHere(session);
    const done: Done[] = [];
    for (const hook of wantedHooks) {
      const { elsewhere } = await hookState(place.hooks.path, hook, place.program);
      const action = await changing(uninstallHook(place.hooks.path, hook));
      const path = elsewhere[0] ?? `${place.hooks.path}/${hook}`;
      done.push({ name: hook, action, path, chained: null, author: null });
    }
    for (const [name, agent] of wantedAgents) {
      const action = await changing(uninstallAgent(name, agent, place));
      done.push({ name, action, path: `${place.top}/${agent.file.path}`, chained: null, author: null });
    }
    const changed = done.filter(({ action }) => action === "removed" || action === "restored");
    session.show({ scope: place.repository.scope, done: changed }, () =>
      changed.length === 0 ? "no guard was installed here" : doneText(changed),
    );
  },
});

interface Done {
  name: string;
  action: string;
  path: string;
  chained: string | null;
  /** Who wrote the hook that was there before, as far as that is known. */
  author: string | null;
}

/** What another tool did to the guard. */
function takenBackText(by: string | null, elsewhere: readonly string[]): string {
  return `${by ?? "another tool"} had renamed the guard to ${elsewhere.join(", ")}; it is in its place again`;
}

/** Others' hooks must not be changed by one repository's wish. */
async function checkDirectory({ hooks: { path, whose } }: Installation, shared: boolean): Promise<void> {
  if (path === "/") {
    throw new Failure(
      "FOUND_A_PROBLEM",
      "core.hooksPath is set to nothing, so git looks for hooks in / and runs none; see: git config --show-origin core.hooksPath",
    );
  }
  if (await isNoDirectory(path)) {
    throw new Failure(
      "FOUND_A_PROBLEM",
      `${path} is no directory, so git runs no hooks; see: git config core.hooksPath`,
    );
  }
  if (whose !== "shared" || shared) return;
  throw new Failure(
    "FOUND_A_PROBLEM",
    `core.hooksPath is ${path}, outside of this repository, so other repositories may use the same hooks; ` +
      "--shared-hooks guards all of them",
  );
}

async function isNoDirectory(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && !found.isDirectory();
}

function doneText(done: readonly Done[]): string {
  const shape: Column<Done>[] = [
    ["GUARD", ({ name }) => name],
    ["DONE", ({ action }) => green(action)],
    ["FILE", ({ path }) => path],
    [
      "",
      ({ chained, author }) =>
        chained === null ? "" : dim(`after the hook that was there${author === null ? "" : `, of ${author}`}`),
    ],
  ];
  return table(done, shape, "nothing was asked for");
}

function displacedText({ hook, author, elsewhere }: HookState): string {
  const who = author ?? "another tool";
  return `${who} has renamed the guard of ${hook} to ${elsewhere.join(", ")}, and may run it or not; to put it back: agentd guard install --hooks ${hook}`;
}

function stateText(hooks: readonly HookState[], guarded: readonly AgentState[]): string {
  const paint = (state: string) =>
    state === "installed" ? green(state) : state === "outdated" || state === "displaced" ? yellow(state) : state;
  const all = [
    ...hooks.map(({ hook, program, ...rest }) => ({ ...rest, name: hook, runs: program?.[0] })),
    ...guarded.map(({ agent, program, ...rest }) => ({ ...rest, name: agent, runs: program, chained: null })),
  ];
  const shape: Column<(typeof all)[number]>[] = [
    ["GUARD", ({ name }) => name],
    ["STATE", ({ state }) => paint(state)],
    ["RUNS", ({ runs }) => runs ?? ""],
    ["AFTER", ({ chained }) => chained ?? ""],
    ["FILE", ({ path }) => path],
  ];
  return table(all, shape, "");
}
