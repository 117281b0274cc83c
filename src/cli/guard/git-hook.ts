import { argument, argumentList, command } from "../command.ts";
import { type Exit, Failure } from "../exits.ts";
import { readInput, readList } from "../values.ts";
import type { Session } from "../session.ts";
import { isOff, recordBypass } from "./bypass.ts";
import { pushedPaths, stagedPaths } from "./changes.ts";
import { heldByOthers, holdings, type Wanted } from "./check.ts";
import { agentOf } from "./agents.ts";
import { GitFailed } from "../git/git.ts";
import { type Identity, identityOf } from "./identity.ts";
import { repositoryOf } from "../git/repository.ts";
import { bypass, heldText, ownersOf, type Verdict, verdictOf } from "./verdict.ts";
import { printAside } from "../streams.ts";
import { type GitHook, isGitHook } from "./hook-tools.ts";

const whatOf = { "pre-commit": "commit", "pre-merge-commit": "merge", "pre-push": "push" } as const;

export const gitHook = command({
  args: {
    hook: argument("pre-commit, pre-merge-commit or pre-push"),
    words: argumentList("what git gives the hook"),
  },
  examples: [["guard git-hook pre-commit", "what the hooks of `agentd guard install` run"]],
  async run({ hook, words }, session) {
    if (!isGitHook(hook)) throw new Failure("USAGE", `there is no guard for the git hook ${hook}`);
    const input = hook === "pre-push" ? await readInput("-", "input of the hook") : "";
    return guardGit({ hook, words: readList(words), input }, session);
  },
});

/** What git gives a hook: its arguments, and for pre-push lines on standard input. */
interface HookCall {
  hook: GitHook;
  words: readonly string[];
  input: string;
}

/** Judges what git is about to do, says on standard error why it is refused, and gives the hook's exit status. */
async function guardGit(call: HookCall, session: Session): Promise<Exit> {
  const identity = identityOf(process.env);
  if (isOff(process.env)) return passed(call, session, identity);
  const verdict = await verdictOf(async () => {
    const wanted = await changed(call);
    // A commit of nothing needs no daemon.
    if (wanted.paths.length === 0) return [];
    return heldByOthers(await holdings(session, wanted, identity));
  });
  return answer(call.hook, verdict);
}

async function passed(call: HookCall, session: Session, identity: Identity): Promise<Exit> {
  // Without the paths it is journalled all the same.
  const wanted = await changed(call).catch((): Wanted => ({ scope: null, top: null, paths: [] }));
  const journalled = await recordBypass(session, call.hook, wanted, identity);
  const how = journalled ? "this is in the journal" : "no daemon was there to journal it";
  printAside(`agentd: the guard is off (AGENTD_GUARD=off) and ${call.hook} checked nothing; ${how}`);
  return 0;
}

/** Hooks run at the work tree's top, with variables that say which repository and which index are meant. */
async function changed({ hook, words, input }: HookCall): Promise<Wanted> {
  const repository = await repositoryOf(process.cwd(), process.env);
  if (repository === null) throw new GitFailed("git finds no work tree here");
  const { top, scope } = repository;
  const paths =
    hook === "pre-push"
      ? await pushedPaths(top, words[0] ?? "", input, process.env)
      : await stagedPaths(top, process.env);
  return { scope, top, paths };
}

function answer(hook: GitHook, verdict: Verdict): Exit {
  if (verdict.outcome === "allowed") return 0;
  const what = whatOf[hook];
  if (verdict.outcome === "unchecked") {
    printAside(`agentd: could not check whether others hold files that the ${what} changes, so it is refused:`);
    printAside(`  ${verdict.why}\n${bypass}: AGENTD_GUARD=off git ${what} …`);
    return 4;
  }
  printAside(`agentd: the ${what} is refused: others hold files that it changes`);
  printAside(`${heldText(verdict.held, Date.now())}\n${nextSteps(what, ownersOf(verdict.held))}`);
  return 1;
}

function nextSteps(what: string, owners: readonly string[]): string {
  const leave = what === "commit" ? ", or leave the file out (git restore --staged -- PATH)" : "";
  const lines = [
    `next: wait until it is released (agentd lock list shows who holds what)${leave},`,
    "      or ask its holder",
  ];
  // The shells of these agents do not say whose they are.
  const silent = owners.find((owner) => agentOf(owner)?.shellSession === undefined && agentOf(owner) !== undefined);
  if (silent !== undefined) lines.push(`      if you are that session: AGENTD_OWNER='${silent}' git ${what} …`);
  return lines.join("\n");
}
