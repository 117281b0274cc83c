import type { Command } from "./command.ts";

/** A command's row: what it is for, and how it is loaded once it is wanted. */
interface Row {
  summary: string;
  /** For agentd itself to run; help does not list it. */
  internal?: true;
  load(): Promise<Command>;
}

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
  serve: { summary: "run the daemon in the foreground", load: async () => (await daemon()).serve },
  start: { summary: "start a background daemon", load: async () => (await daemon()).start },
  stop: { summary: "stop the daemon, and keep it from starting by itself", load: async () => (await daemon()).stop },
  restart: { summary: "stop the daemon and start it again", load: async () => (await daemon()).restart },
  status: { summary: "say whether a daemon is running, and which one", load: async () => (await daemon()).status },
  logs: { summary: "show the daemon's log", load: async () => (await import("./daemon/logs.ts")).logs },
  "task register": { summary: "store a task and its nodes from a file", load: async () => (await task()).register },
  "task list": { summary: "list tasks, newest first", load: async () => (await task()).list },
  "task status": { summary: "show a task's nodes as a tree", load: async () => (await task()).status },
  "task wait": {
    summary: "wait until a task is COMPLETED or FAILED",
    load: async () => (await import("./task/wait.ts")).wait,
  },
  "task pause": { summary: "stop handing out nodes of a task", load: async () => (await control()).pause },
  "task resume": { summary: "hand out nodes of a paused task again", load: async () => (await control()).resume },
  "task cancel": {
    summary: "end every node of a task that has not ended yet",
    load: async () => (await control()).cancel,
  },
  "task retry": { summary: "run the FAILED nodes of a task again", load: async () => (await control()).retry },
  "task priority": {
    summary: "change the priority of a task, or of a node in it",
    load: async () => (await control()).priority,
  },
  watch: {
    summary: "watch tasks, leases, locks and events live",
    load: async () => (await import("./watch/command.ts")).watch,
  },
  "node acquire": {
    summary: "take the next runnable node of a task, or of any task",
    load: async () => (await node()).acquire,
  },
  "node heartbeat": { summary: "renew a node's lease", load: async () => (await node()).heartbeat },
  "node complete": { summary: "complete a node with its result", load: async () => (await node()).complete },
  "node fail": { summary: "fail this attempt at a node with an error", load: async () => (await node()).fail },
  "node release": { summary: "give a node back so that others can take it", load: async () => (await node()).release },
  "node show": {
    summary: "show a node and every attempt at it",
    load: async () => (await import("./node/show.ts")).show,
  },
  "node add": {
    summary: "add nodes from a file to a task",
    load: async () => (await import("./node/add.ts")).add,
  },
  "node retry": { summary: "run a FAILED node again", load: async () => (await node()).retry },
  run: {
    summary: "run a command for each node, as a worker",
    load: async () => (await import("./run/command.ts")).run,
  },
  "run-guard": {
    summary: "guard a command of `agentd run`",
    internal: true,
    load: async () => (await import("./run/supervisor.ts")).runGuard,
  },
  "check-pages": {
    summary: "look for damaged pages in a database's file",
    internal: true,
    load: async () => (await verify()).checkPages,
  },
  "event commit": { summary: "append an event to the journal", load: async () => (await event()).commit },
  "event list": { summary: "read the journal, or follow it", load: async () => (await event()).list },
  "lock acquire": { summary: "take resource locks, all or none of them", load: async () => (await lock()).acquire },
  "lock run": {
    summary: "run a command while it holds locks",
    load: async () => (await import("./lock/run.ts")).run,
  },
  "lock check": { summary: "show who holds, or waits for, paths or keys", load: async () => (await lockList()).check },
  "lock list": { summary: "list the resource locks held now", load: async () => (await lockList()).list },
  "lock heartbeat": { summary: "renew the locks of a lease", load: async () => (await lock()).heartbeat },
  "lock release": { summary: "release resource locks", load: async () => (await lock()).release },
  "lock force-release": {
    summary: "revoke the lease that holds a key (for people)",
    load: async () => (await lock()).forceRelease,
  },
  "guard install": {
    summary: "refuse commits and edits of what others have locked",
    load: async () => (await guard()).install,
  },
  "guard status": { summary: "show which hooks and agents are guarded here", load: async () => (await guard()).status },
  "guard uninstall": { summary: "remove the guard", load: async () => (await guard()).uninstall },
  "guard git-hook": { summary: "answer a git hook", internal: true, load: async () => (await guard()).gitHook },
  "guard agent-hook": {
    summary: "answer an agent's hook",
    internal: true,
    load: async () => (await guard()).agentHook,
  },
  "bundle create": {
    summary: "submit a patch for comparison and merging",
    load: async () => (await bundle()).create,
  },
  "bundle list": { summary: "list patch bundles, newest first", load: async () => (await bundleList()).list },
  "bundle show": { summary: "show everything about a patch bundle", load: async () => (await bundleList()).show },
  "bundle compare": {
    summary: "compare bundles, and say what to do with each",
    load: async () => (await bundleList()).compare,
  },
  "bundle decide": { summary: "accept or reject a bundle; this is final", load: async () => (await bundle()).decide },
  "bundle merge": {
    summary: "merge bundles into a new branch, and record a decision on each",
    load: async () => (await import("./bundle/merge/command.ts")).merge,
  },
  describe: { summary: "describe the protocol, or one method", load: async () => (await protocol()).describe },
  call: { summary: "call any method with JSON parameters", load: async () => (await protocol()).call },
  health: { summary: "check that the daemon and its database work", load: async () => (await health()).health },
  metrics: { summary: "show counters", load: async () => (await health()).metrics },
  verify: {
    summary: "check the journal and the tables against each other",
    load: async () => (await verify()).verify,
  },
  prune: {
    summary: "move old, finished work to an archive",
    load: async () => (await import("./journal/prune.ts")).prune,
  },
  backup: { summary: "copy the database to a new file", load: async () => (await backup()).backup },
  restore: {
    summary: "put a backup in the database's place",
    load: async () => (await backup()).restore,
  },
  doctor: {
    summary: "find what is wrong with this installation",
    load: async () => (await import("./daemon/doctor.ts")).doctor,
  },
  version: { summary: "show the version", load: async () => (await import("./help/commands.ts")).version },
  help: { summary: "show help for a command", load: async () => (await import("./help/commands.ts")).help },
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
