import { TIMED_OUT, within } from "../../client/deadline.ts";
import { connectAt } from "../../client/find.ts";
import { messageOf } from "../../client/refusals.ts";
import { type Exit, Failure } from "../exits.ts";
import type { Session } from "../session.ts";
import { type Agent, type Asked, readQuestion } from "./agents/agent.ts";
import { print } from "../output.ts";
import { isOff, recordBypass } from "./bypass.ts";
import { identityOf, sessionOwner } from "./identity.ts";
import { lockForSession, releaseSession } from "./session-locks.ts";
import { bypass, heldText, unchecked, type Verdict, verdictOf } from "./verdict.ts";
import { printAside } from "../streams.ts";
import type { Wanted } from "./check.ts";
import { Resolver } from "../../resolver/resolver.ts";
import { agents } from "./agents.ts";
import { argument, command } from "../command.ts";
import { readInput } from "../values.ts";

const endMs = 5_000;

export const agentHook = command({
  args: { agent: argument("which agent asks") },
  examples: [["guard agent-hook claude-code", "what the agents' hooks of `agentd guard install` run"]],
  notes: "Reads what the agent writes from standard input.",
  async run({ agent: name }, session) {
    const agent = Object.hasOwn(agents, name) ? agents[name] : undefined;
    if (agent === undefined)
      throw new Failure("USAGE", `there is no agent ${name}; there are ${Object.keys(agents).join(",")}`);
    return guardAgent(name, agent, await readInput("-", "input of the hook"), session);
  },
});

/** Answers an agent's hook: takes the locks of the edit it is about to make, or refuses it. */
async function guardAgent(name: string, agent: Agent, input: string, session: Session): Promise<Exit> {
  const refusal = await refusalOf(name, agent, input, session);
  const { out, err, exit } = agent.answer(refusal);
  print(out);
  process.stderr.write(err);
  return exit;
}

/** Why the edit is refused; null when it may be made. */
async function refusalOf(name: string, agent: Agent, input: string, session: Session): Promise<string | null> {
  let asked: Asked;
  try {
    asked = readQuestion(agent.question, JSON.parse(input));
  } catch (cause) {
    return isOff(process.env) ? null : refusalText(unchecked(messageOf(cause)));
  }
  if (asked.kind === "edit") return refusalText(await judge(name, agent, asked, session));
  if (asked.kind === "end") await endSession(name, asked.session, session);
  return null;
}

async function judge(
  name: string,
  agent: Agent,
  { paths, cwd, session: id }: Extract<Asked, { kind: "edit" }>,
  session: Session,
): Promise<Verdict> {
  const owner = sessionOwner(name, id);
  const { owners, leases, node, label } = identityOf(process.env);
  if (isOff(process.env)) {
    for (const wanted of await wantedFor(paths, cwd)) {
      await recordBypass(session, name, wanted, { owners, leases, node, label: label ?? owner });
    }
    return { outcome: "allowed" };
  }
  return verdictOf(async () => {
    const wanted = await wantedFor(paths, cwd);
    const self = { owners: new Set([...owners, owner]), leases, node, label };
    const intent = `edit it in ${agent.title}`;
    return lockForSession(session, wanted, { owner, provider: name, intent }, self);
  });
}

/** No daemon is started for this; what is not given back ends by its time. */
async function endSession(name: string, id: string, session: Session): Promise<void> {
  try {
    const { paths, environment } = await session.locate();
    using client = await connectAt(paths, environment);
    const released = releaseSession(client, { owner: sessionOwner(name, id), provider: name });
    if ((await within(released, endMs)) === TIMED_OUT) throw new Error("the daemon does not answer");
  } catch (cause) {
    printAside(`agentd: the session's locks were not given back, and end by their time: ${messageOf(cause)}`);
  }
}

function refusalText(verdict: Verdict): string | null {
  if (verdict.outcome === "allowed") return null;
  if (verdict.outcome === "unchecked") {
    const what = "could not check whether others hold what the edit changes, so it is refused";
    return `agentd: ${what}:\n  ${verdict.why}\n${bypass}.`;
  }
  return [
    "agentd: the edit is refused: others hold what it changes",
    heldText(verdict.held, Date.now()),
    "next: work on something else until it is released (agentd lock list shows who holds what), or ask its holder;",
    "      do not change the file by other means",
  ].join("\n");
}

/**
 * What to lock for an edit of these paths: of each file its path in the repository it lies in, and where none is, its
 * absolute path in the global scope. A path that is a symbolic link stands for itself and for the file it leads to, since
 * some agents write through links and others replace them.
 */
async function wantedFor(paths: readonly string[], cwd: string): Promise<Wanted[]> {
  const resolver = new Resolver();
  const byTop = new Map<string | null, { scope: string | null; files: Set<string> }>();
  for (const path of paths) {
    for (const { scope, top, resource_key } of await resolver.edited(path, cwd)) {
      const { files } = byTop.get(top) ?? { files: new Set<string>() };
      byTop.set(top, { scope, files: files.add(resource_key.slice("file:".length)) });
    }
  }
  return Array.from(byTop, ([top, { scope, files }]) => ({ scope, top, paths: [...files] }));
}
