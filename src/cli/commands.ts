import type { Command } from "./command.ts";

/** A command's row: what it is for, and how it is loaded once it is wanted. */
interface Row {
  summary: string;
  /** For agentd itself to run; help does not list it. */
  internal?: true;
  load(): Promise<Command>;
}

/** A row for a command that a module exports under this name. */
const row = <Name extends string>(summary: string, load: () => Promise<Record<Name, Command>>, name: Name): Row => ({
  summary,
  load: async () => (await load())[name],
});

const internal: typeof row = (...of) => ({ ...row(...of), internal: true });

const daemon = () => import("./daemon/commands.ts");
const task = () => import("./task/commands.ts");
const control = () => import("./task/control.ts");
const node = () => import("./node/commands.ts");
const event = () => import("./journal/events.ts");
const lock = () => import("./lock/commands.ts");
const lockList = () => import("./lock/list.ts");
const guard = () => import("./guard/commands.ts");
const bundle = () => import("./bundle/commands.ts");
const bundleList = () => import("./bundle/list.ts");
const health = () => import("./daemon/health.ts");
const backup = () => import("./journal/backup.ts");
const verify = () => import("./journal/verify.ts");
const protocol = () => import("./daemon/interface.ts");

/** Every command, in the order help shows them. Dispatch, help and suggestions all read this table. */
export const commands: Readonly<Record<string, Row>> = {
  serve: row("run the daemon in the foreground", daemon, "serve"),
  start: row("start a background daemon", daemon, "start"),
  stop: row("stop the daemon, and keep it from starting by itself", daemon, "stop"),
  restart: row("stop the daemon and start it again", daemon, "restart"),
  status: row("say whether a daemon is running, and which one", daemon, "status"),
  logs: row("show the daemon's log", () => import("./daemon/logs.ts"), "logs"),
  "task register": row("store a task and its nodes from a file", task, "register"),
  "task list": row("list tasks, newest first", task, "list"),
  "task status": row("show a task's nodes as a tree", task, "status"),
  "task wait": row("wait until a task is COMPLETED or FAILED", () => import("./task/wait.ts"), "wait"),
  "task pause": row("stop handing out nodes of a task", control, "pause"),
  "task resume": row("hand out nodes of a paused task again", control, "resume"),
  "task cancel": row("end every node of a task that has not ended yet", control, "cancel"),
  "task retry": row("run the FAILED nodes of a task again", control, "retry"),
  "task priority": row("change the priority of a task, or of a node in it", control, "priority"),
  watch: row("watch tasks, leases, locks and events live", () => import("./watch/command.ts"), "watch"),
  "node acquire": row("take the next runnable node of a task, or of any task", node, "acquire"),
  "node heartbeat": row("renew a node's lease", node, "heartbeat"),
  "node complete": row("complete a node with its result", node, "complete"),
  "node fail": row("fail this attempt at a node with an error", node, "fail"),
  "node release": row("give a node back so that others can take it", node, "release"),
  "node show": row("show a node and every attempt at it", () => import("./node/show.ts"), "show"),
  "node add": row("add nodes from a file to a task", () => import("./node/add.ts"), "add"),
  "node retry": row("run a FAILED node again", node, "retry"),
  run: row("run a command for each node, as a worker", () => import("./run/command.ts"), "run"),
  "run-guard": internal("guard a command of `agentd run`", () => import("./run/supervisor.ts"), "runGuard"),
  "check-pages": internal("look for damaged pages in a database's file", verify, "checkPages"),
  "event commit": row("append an event to the journal", event, "commit"),
  "event list": row("read the journal, or follow it", event, "list"),
  "lock acquire": row("take resource locks, all or none of them", lock, "acquire"),
  "lock run": row("run a command while it holds locks", () => import("./lock/run.ts"), "run"),
  "lock check": row("show who holds, or waits for, paths or keys", lockList, "check"),
  "lock list": row("list the resource locks held now", lockList, "list"),
  "lock heartbeat": row("renew the locks of a lease", lock, "heartbeat"),
  "lock release": row("release resource locks", lock, "release"),
  "lock force-release": row("revoke the lease that holds a key (for people)", lock, "forceRelease"),
  "guard install": row("refuse commits and edits of what others have locked", guard, "install"),
  "guard status": row("show which hooks and agents are guarded here", guard, "status"),
  "guard uninstall": row("remove the guard", guard, "uninstall"),
  "guard git-hook": internal("answer a git hook", () => import("./guard/git-hook.ts"), "gitHook"),
  "guard agent-hook": internal("answer an agent's hook", () => import("./guard/agent-hook.ts"), "agentHook"),
  "bundle create": row("submit a patch for comparison and merging", bundle, "create"),
  "bundle list": row("list patch bundles, newest first", bundleList, "list"),
  "bundle show": row("show everything about a patch bundle", bundleList, "show"),
  "bundle compare": row("compare bundles, and say what to do with each", bundleList, "compare"),
  "bundle decide": row("accept or reject a bundle; this is final", bundle, "decide"),
  "bundle merge": row(
    "merge bundles into a new branch, and record a decision on each",
    () => import("./bundle/merge/command.ts"),
    "merge",
  ),
  describe: row("describe the protocol, or one method", protocol, "describe"),
  call: row("call any method with JSON parameters", protocol, "call"),
  health: row("check that the daemon and its database work", health, "health"),
  metrics: row("show counters", health, "metrics"),
  verify: row("check the journal and the tables against each other", verify, "verify"),
  prune: row("move old, finished work to an archive", () => import("./journal/prune.ts"), "prune"),
  backup: row("copy the database to a new file", backup, "backup"),
  restore: row("put a backup in the database's place", backup, "restore"),
  doctor: row("find what is wrong with this installation", () => import("./daemon/doctor.ts"), "doctor"),
  version: row("show the version", () => import("./help/commands.ts"), "version"),
  help: row("show help for a command", () => import("./help/commands.ts"), "help"),
};

/** The commands for users. */
export const shownCommands = Object.keys(commands).filter((name) => commands[name]?.internal !== true);

/** The row of a command; undefined for words that are none, `constructor` included. */
export function commandNamed(name: string): Row | undefined {
  return Object.hasOwn(commands, name) ? commands[name] : undefined;
}

/** First words of two-word commands, each with the second words it takes. */
export function familyOf(word: string): string[] {
  return shownCommands.flatMap((name) => (name.startsWith(`${word} `) ? [name.slice(word.length + 1)] : []));
}
