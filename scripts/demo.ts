import { existsSync, mkdtempSync, rmSync, symlinkSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freshBinary } from "./demo/binary.ts";
import { Crash } from "./demo/crash.ts";
import { type OwnDaemon, startDaemon, withoutOwn } from "./demo/daemon.ts";
import { follow, print } from "./demo/progress.ts";
import { type CommandLine, decisions, propose, type Running, testsAt } from "./demo/proposals.ts";
import { cleanGit, makeRepository, type Repository } from "./demo/repository.ts";
import { choosePrograms, startWorker, type Worker } from "./demo/workers.ts";
import { Client } from "../src/client/client.ts";

/*
 * The main job, shown: three workers that share no code repair a small library side by side, in a real git repository,
 * led by nothing but a DAG in agentd. One of them is killed in mid-work. Then two agents hand in what they would change as
 * patch bundles, which are compared, merged and decided on. Everything happens in one temporary directory, which is gone at
 * the end, however it ends.
 */

/** Something did not go as it must; the message says what. */
class Deviation extends Error {}

const nodeTimeoutSecs = "2";
const deadlineMs = 60_000;
const directory = mkdtempSync(join(tmpdir(), "agentd-demo-"));
const home = join(directory, "home");
const toolbox = makeToolbox();
const workers: Worker[] = [];
const running: Running = new Set();
let starting: Promise<OwnDaemon> | undefined;
let over = false;

async function main(): Promise<number> {
  const interrupted = Promise.withResolvers<never>();
  const timer = setTimeout(() => interrupted.reject(new Deviation("it did not end within a minute")), deadlineMs);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => interrupted.reject(new Deviation(`stopped by ${signal}`)));
  }
  try {
    await Promise.race([show(), interrupted.promise]);
    return 0;
  } catch (cause) {
    console.error(`demo: ${cause instanceof Error ? cause.message : String(cause)}`);
    return 1;
  } finally {
    clearTimeout(timer);
    await leaveNothing();
  }
}

async function show(): Promise<void> {
  const binary = await freshBinary();
  const repository = await makeRepository(join(directory, "units"));
  mustGoOn();
  starting = startDaemon(binary, home, { AGENTD_NODE_TIMEOUT_SECS: nodeTimeoutSecs });
  const daemon = await starting;
  heading(`agentd ${daemon.pid} listens at ${daemon.socket}`);
  const agentd = commandLine(binary);
  const environment = environmentFor(binary, daemon.socket, repository);
  await startWorkers(repository, environment);

  heading("agentd task register scripts/demo/task.yaml");
  const taskId = await register(agentd, "task.yaml");
  const crash = await carryOut(daemon, taskId);

  heading("agentd task status");
  await agentd("task", "status", taskId);
  heading("agentd event list");
  const told = "REGISTER_TASK,ACQUIRE_NODE,intent,TIMEOUT_ROLLBACK,COMPLETE_NODE";
  await agentd("event", "list", "--task", taskId, "--type", told, "--limit", "1000");
  heading("git log --oneline, and the repaired library's tests");
  await checkRepository(repository);
  await mergeProposals({
    agentd: commandLine(binary, repository),
    binary,
    environment,
    repository,
    client: daemon.client,
  });
  heading("agentd verify");
  await agentd("verify");
  await checkOutcome(daemon.client, taskId, crash);
  const status = await daemon.stop();
  if (status !== 0) throw new Deviation(`the daemon ended with ${status}`);
  const { victim, successor } = crash;
  console.log(
    `\ndone: 8 nodes, 3 workers; ${victim?.name} was killed, ${successor} took over, the late result was refused; of 5 patch bundles 2 were merged`,
  );
}

/** Runs an agentd command for all to see, in the repository where there is one, and gives what it printed. */
function commandLine(binary: string, repository?: Repository): CommandLine {
  const environment = repository === undefined ? process.env : cleanGit(repository.environment);
  return async (...words) => {
    mustGoOn();
    const child = Bun.spawn([binary, "--home", home, "--no-start", ...words], {
      cwd: repository?.path ?? process.cwd(),
      env: { ...withoutOwn(environment), PATH: `${toolbox}:${process.env.PATH}`, TMPDIR: directory },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    const [output, notes] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    running.delete(child);
    console.log(`${notes}${output}`.trimEnd());
    if ((await child.exited) !== 0) throw new Deviation(`agentd ${words.join(" ")} ended with ${child.exitCode}`);
    return output;
  };
}

async function register(agentd: CommandLine, file: string): Promise<string> {
  const task = await agentd("task", "register", join(import.meta.dir, "demo", file), "--json");
  return (JSON.parse(task) as { task_id: string }).task_id;
}

/** Guards each start of a process: once the demo is being cleared away, nothing new begins. */
function mustGoOn(): void {
  if (over) throw new Deviation("it was interrupted");
}

type Environment = Record<string, string | undefined>;

/** What agents are told: where agentd is, and that nothing of the user's own counts. */
function environmentFor(binary: string, socket: string, repository: Repository): Environment {
  return {
    ...withoutOwn(cleanGit(repository.environment)),
    PATH: `${toolbox}:${process.env.PATH}`,
    TMPDIR: directory,
    AGENTD: binary,
    AGENTD_HOME: home,
    AGENTD_NO_START: "1",
    AGENTD_SOCKET_PATH: socket,
  };
}

async function startWorkers(repository: Repository, environment: Environment): Promise<void> {
  mustGoOn();
  const started = choosePrograms().map((program) => startWorker(program, repository.path, environment));
  workers.push(...started.map(({ worker }) => worker));
  await Promise.all(started.map(({ ready }) => ready));
  for (const { name, pid } of workers) console.log(`worker ${name.padEnd(8)} ready, process ${pid}`);
}

/** A directory for the workers' PATH with the Bun that runs us: the library's tests need one. */
function makeToolbox(): string {
  const path = join(directory, "bin");
  mkdirSync(path);
  symlinkSync(process.execPath, join(path, "bun"));
  return path;
}

interface Proposals {
  agentd: CommandLine;
  binary: string;
  environment: Environment;
  repository: Repository;
  client: Client;
}

/** Five proposals by two agents: they are compared, merged as far as they go together, and decided on. */
async function mergeProposals({ agentd, binary, environment, repository, client }: Proposals): Promise<void> {
  heading("agentd task register scripts/demo/features.yaml");
  const taskId = await register(agentd, "features.yaml");
  mustGoOn();
  await propose(binary, taskId, repository.path, environment, running);
  heading("agentd bundle compare --task TASK --onto main");
  await agentd("bundle", "compare", "--task", taskId, "--onto", "main");
  heading("agentd bundle merge --task TASK --onto main --branch merged --verify 'bun test'");
  const onto = ["--onto", "main", "--branch", "merged", "--verify", "bun test", "--by", "demo"];
  await agentd("bundle", "merge", "--task", taskId, ...onto);
  heading("git log --oneline main..merged, and the tests there");
  const log = await repository.git("log", "--format=%h %<(8)%an %s", "main..merged");
  const tests = await testsAt(repository, "merged", directory);
  console.log(`${log}${tests}`);
  expect(/\n 8 pass\n 0 fail\n/.test(tests), true, "all eight tests pass with what was merged");
  expect(log.trim().split("\n").length, 2, "commits of the new branch");
  const found = await decisions(client, taskId);
  const wanted = {
    "A foot is two feet": "ACCEPTED",
    "A foot has 0.3048 metres": "ACCEPTED",
    "Every amount but one and zero takes a plural": "REJECTED",
    "Prepare version 0.3.0": "REJECTED",
    "A pound is about 454 grams": "REJECTED",
  };
  for (const [summary, status] of Object.entries(wanted)) expect(found[summary], status, `the bundle "${summary}"`);
}

/** Lets the workers carry the task out, and tells what they do as they do it. */
async function carryOut({ client, socket }: OwnDaemon, taskId: string): Promise<Crash> {
  // A wait for news holds up what follows it on its connection.
  using news = await Client.connect(socket);
  const crash = new Crash(client, workers);
  for (const worker of workers) worker.begin(taskId);
  const told = (async () => {
    for await (const row of follow(news, taskId)) {
      print(row);
      await crash.watch(row);
    }
    return crash;
  })();
  await Promise.race([told, firstFailure(crash)]);
  await Promise.all(workers.map(({ exited }) => exited));
  return crash;
}

/** Fails when a worker ends badly that was not killed by us; never resolves. */
async function firstFailure(crash: Crash): Promise<never> {
  const failed = workers.map(async (worker) => {
    const status = await worker.exited;
    // A race is over with the first to settle: who ended well must not.
    if (status === 0 || worker === crash.victim) return new Promise<never>(() => {});
    throw new Deviation(`worker ${worker.name} ended with ${status}`);
  });
  return Promise.race(failed);
}

async function checkRepository(repository: Repository): Promise<void> {
  const log = await repository.git("log", "--format=%h %<(8)%an %s");
  console.log(log.trimEnd());
  const tests = Bun.spawnSync([process.execPath, "test"], { cwd: repository.path });
  console.log(tests.stderr.toString().trim());
  expect(tests.exitCode, 0, "the exit status of the library's tests");
  expect(log.trim().split("\n").length, 8, "commits, the first and one per edit");
  expect(await repository.git("status", "--porcelain"), "", "what is left uncommitted");
}

async function checkOutcome(client: Client, taskId: string, crash: Crash): Promise<void> {
  const { state, counts } = await client.call("TaskStatus", { task_id: taskId });
  expect(state, "COMPLETED", "the task's state");
  expect(counts.COMPLETED, 8, "completed nodes");
  expect(crash.rollbacks, 1, "roll-backs, of the killed worker's node and no other");
  expect(
    ["LEASE_LOST", "INVALID_STATE"].includes(crash.refusal ?? ""),
    true,
    `the late result (${crash.refusal}) was refused`,
  );
  expect(crash.completedBy, crash.successor, "who completed the killed worker's node");
  expect((await client.call("ListResourceLocks", {})).locks.length, 0, "locks still held");
}

function expect(found: unknown, wanted: unknown, what: string): void {
  if (found === wanted) return;
  throw new Deviation(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(found)}`);
}

/** Ends every process and removes every file of the demo, whatever state it is in. */
async function leaveNothing(): Promise<void> {
  over = true;
  for (const worker of workers) worker.signal("SIGKILL");
  await Promise.all(workers.map(({ exited }) => exited));
  for (const child of running) child.kill("SIGTERM");
  await Promise.all([...running].map(({ exited }) => exited));
  const daemon = await starting?.catch(() => undefined);
  await daemon?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
  if (existsSync(directory)) throw new Deviation(`${directory} could not be removed`);
}

function heading(text: string): void {
  console.log(`\n▸ ${text}`);
}

process.exitCode = await main();
