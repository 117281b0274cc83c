import { command, flag, option, repeatableOption } from "../command.ts";
import { type Exit, Failure } from "../exits.ts";
import { readChoice } from "../node/choice.ts";
import { nameAndId } from "../node/text.ts";
import { whyNothing } from "../node/why-nothing.ts";
import type { Finished } from "./attempt.ts";
import { interruptions } from "./interruptions.ts";
import { PatientClient } from "../patient-client.ts";
import { type End, takeNodes } from "./worker.ts";
import type { Session } from "../session.ts";
import { oneLine, spanText, statusText } from "../text.ts";
import { readDuration, readTtl, readWhole } from "../values.ts";
import { checkCommand } from "./supervised.ts";

/** A worker has up to three of the daemon's 256 connections. */
const parallelMax = 64;

export const run = command({
  args: {
    task: option("TASK", "take only this task's nodes"),
    label: repeatableOption("K=V", "take only nodes with this label; repeatable"),
    any: flag("take nodes of any task"),
    all: flag("go on after one node until the task is COMPLETED or FAILED; without --task, until interrupted"),
    parallel: option("N", "work on up to N nodes at once (1)"),
    owner: option("NAME", "who holds the nodes (run-PID); with --parallel, each as NAME-N"),
    wait: option("TIME", "how long to wait for a node (until the task is COMPLETED or FAILED)"),
    ttl: option("TIME", "how long a lease runs; it is renewed at a third of that"),
    grace: option("TIME", "how long after SIGTERM to send SIGKILL (10s)"),
  },
  examples: [
    ["run --task 0197f3a2 -- ./solve.sh", "run a script for the next node"],
    ["run --task 0197f3a2 --all --parallel 4 -- codex exec -", "four agents, until the task is COMPLETED or FAILED"],
    ["run --all --label role=tests -- ./run-tests.sh", "serve the nodes of any task that have this label"],
    ["run --any -- ./solve.sh", "run it for the next node of any task"],
    [`run --task 0197f3a2 -- sh -c 'jq -r .node.payload_schema.prompt | claude -p'`, "with the node's prompt as input"],
  ],
  notes: [
    "CMD gets the node as JSON on standard input and in the file AGENTD_CONTEXT_FILE, with its task, the results of its",
    "dependencies and the journal. AGENTD_TASK_ID, AGENTD_NODE_ID, AGENTD_LEASE_ID and AGENTD_OWNER are set.",
    "What CMD locks with `agentd lock acquire` is held under the node's lease and ends with it.",
    "",
    "Exit status 0 completes the node. Its result is what CMD printed on standard output if that is one JSON value, else",
    "{stdout_tail, exit_code, bytes, truncated, why}, and a warning says so. Any other end fails the node with",
    "{exit_code, signal, stderr_tail, bytes, truncated}. CMD's output is shown on standard error.",
    "",
    "The lease is renewed while CMD runs. If it is lost, if the task is canceled, or if `agentd run` is killed, CMD and what",
    "it started get SIGTERM, and SIGKILL after the grace time. If `agentd run` is interrupted (SIGINT, SIGTERM, SIGHUP), it",
    "also releases the node; a second interrupt kills CMD at once.",
    "",
    "The exit status is 0 if every node taken was completed, 1 if one was not, and 3 if none could be taken. With --all it",
    "is 0 if the task is COMPLETED and 1 if it is FAILED.",
  ].join("\n"),
  takesCommand: true,
  async run({ _: words, task, label, any, all = false, parallel = "1", owner, wait, ttl, grace = "10s" }, session) {
    const graceMs = readDuration(grace, "grace") * 1000;
    const waitMs = wait === undefined ? Infinity : readDuration(wait, "wait") * 1000;
    const ttlSecs = readTtl(ttl);
    const workers = readParallel(parallel);
    checkCommand(words);
    const choice = await readChoice(session, { task, any, label }, "--task TASK");
    // A daemon that goes away is waited for; one that is not there to begin with is an error.
    await session.client();
    session.disconnect();

    using client = new PatientClient(session);
    await using interrupted = interruptions(graceMs);
    const { stop, kill, giveUp } = interrupted;
    const work = { session, client, command: words, ttlSecs, graceMs, stop, kill, giveUp };
    const wish = { ...choice, nextOwner: owners(owner ?? `run-${process.pid}`, workers), waitMs };
    const ends = new Set<End>();
    const outcomes = new Set<Finished["outcome"]>();
    async function worker() {
      const end = await takeNodes(work, wish, all, async (finished) => {
        outcomes.add(finished.outcome);
        await session.showLive(finished, () => finishedText(finished));
      });
      if (end !== undefined) ends.add(end);
    }
    await interrupted.all(Array.from({ length: workers }, worker));
    if (giveUp.aborted) session.note("the daemon did not answer: what was taken keeps its lease until that runs out");
    const sayWhy = () => session.sayWhyNothing(() => whyNothing(session, choice));
    if (outcomes.size === 0 && ends.has("NONE_CAME") && !session.globals.json) await sayWhy();
    return exitOf(session, all, ends, outcomes);
  },
});

/** Who holds each node: one worker under its name, several under that name and a number for each node. */
function owners(name: string, workers: number): () => string {
  let nodes = 0;
  return () => (workers === 1 ? name : `${name}-${++nodes}`);
}

function readParallel(given: string): number {
  const workers = readWhole(given, "parallel");
  if (workers >= 1 && workers <= parallelMax) return workers;
  throw new Failure("USAGE", `--parallel is ${given}; expected 1 to ${parallelMax}`);
}

function finishedText({ node_id, name, outcome, exit_code, signal, duration_ms, reason }: Finished): string {
  const how = signal ?? `exit status ${exit_code}`;
  const why = reason ?? (outcome === "FAILED" ? how : "");
  const after = `after ${spanText(duration_ms / 1000)}`;
  return `${statusText(outcome)} ${nameAndId(node_id, name)} ${after}${why === "" ? "" : `: ${oneLine(why, 200)}`}`;
}

function exitOf(
  session: Session,
  all: boolean,
  ends: ReadonlySet<End>,
  outcomes: ReadonlySet<Finished["outcome"]>,
): Exit {
  if (all && ends.has("COMPLETED")) return 0;
  if (all && ends.has("FAILED")) return 1;
  if (outcomes.size === 0) {
    const [end] = ends;
    // None, where it was interrupted.
    if (end !== undefined && end !== "NONE_CAME") session.note(`the task is ${end}`);
    return 3;
  }
  if ([...outcomes].some((outcome) => outcome !== "COMPLETED")) return 1;
  return all ? 3 : 0;
}
