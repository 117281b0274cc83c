import { rmSync, writeSync } from "node:fs";
import type { Paths, Whereabouts } from "../protocol/home.ts";
import { commit, version } from "../protocol/version.ts";
import { Dispatcher } from "../service/turn/dispatcher.ts";
import type { Served } from "../service/turn/observer.ts";
import { goOnAfterLoss, type Loss } from "../service/journal/epoch.ts";
import { putInPlace } from "../store/files/restored-file.ts";
import { openStore } from "../store/sqlite-store.ts";
import { StorageFailure, type Store } from "../store/store.ts";
import { CaseProbe } from "./case-probe.ts";
import { type Configuration, readConfiguration } from "./configuration.ts";
import { prepareHome } from "./home.ts";
import { claimHome, type Instance, type KnownFile, knownFile, removeStaleSocket, watchFiles } from "./instance.ts";
import { exitNow, provideFileThreads, redirectStderr } from "../native/libc.ts";
import { type CheckCommand, pageChecks } from "./page-check-process.ts";
import { KeyPlaces } from "./key-places.ts";
import { createLog, fileSink, type Log, type LogSink, stderrSink } from "./log.ts";
import { keepRetention } from "./retention.ts";
import { Server } from "./server.ts";
import { attempt, StartRefused } from "./start-refused.ts";

export { StartRefused } from "./start-refused.ts";

/** How a daemon is asked to run. */
export interface ServeOptions {
  at: Whereabouts;
  /** Log to the file instead of standard error, and report readiness as one JSON line on standard output. */
  background: boolean;
  /** The command that looks at the pages of a database's file and prints what is wrong as a list in JSON. */
  checkPages: CheckCommand;
}

/** How long a stopping daemon waits for clients to take their last answers. */
const drainMsMax = 2_000;

/**
 * Runs the daemon until SIGTERM or SIGINT has drained it, or its home is taken from it.
 *
 * In the background, standard output gets exactly one line: `{"ready":true,"pid":…,"socket":"…","warning":…}`, or
 * `{"ready":false,"error":"…","held":…}` when it cannot start; in the foreground a start that fails throws StartRefused.
 */
export async function serve({ at, background, checkPages }: ServeOptions): Promise<void> {
  provideFileThreads();
  try {
    const daemon = await start(await readConfiguration(process.env, at), background, checkPages);
    const { paths, warning } = daemon;
    if (background) report({ ready: true, pid: process.pid, socket: paths.socket, warning });
    const { why, status } = await daemon.end;
    await takeDown(daemon, why);
    exitNow(status);
  } catch (error) {
    const refusal = asRefusal(error);
    if (refusal === null) throw error;
    if (!background) throw refusal;
    report({ ready: false, error: refusal.message, held: refusal.held });
    process.exitCode = 4;
  }
}

/** Tells the process that started this one how it went; nobody else reads standard output. */
function report(readiness: Record<string, unknown>): void {
  try {
    writeSync(1, `${JSON.stringify(readiness)}\n`);
  } catch {
    // Whoever started it is gone, as after Ctrl-C. Its daemon is as good as any other.
  }
}

function asRefusal(error: unknown): StartRefused | null {
  if (error instanceof StartRefused) return error;
  return error instanceof StorageFailure ? new StartRefused(error.message) : null;
}

/** Starts everything, bottom up, and ends in a whole daemon: what fails on the way takes down what was there before it. */
async function start(
  { paths, settings }: Configuration,
  background: boolean,
  checkPages: CheckCommand,
): Promise<Daemon> {
  using started = new DisposableStack();
  process.umask(0o077);
  prepareHome(paths);
  const instance = started.adopt(await claimHome(paths), (claimed) => claimed.release());
  attempt(`${paths.stopMarker} cannot be removed`, "move it away", () => rmSync(paths.stopMarker, { force: true }));
  await removeStaleSocket(paths.socket);
  // Nobody but the log listens to what the runtime itself says in the background.
  const openLog = () => fileSink(paths.log, { opened: redirectStderr });
  const logAdvice = "make it writable for you, or set AGENTD_HOME to another place";
  const sink = background ? attempt(`the log ${paths.log} cannot be opened`, logAdvice, openLog) : stderrSink;
  const log = createLog(sink);
  // A restore may have been interrupted.
  putInPlace(paths.database);
  const store = openStore(paths.database, Date.now, settings.nodeTimeoutSecs * 1000);
  started.defer(() => store.close());
  const loss = goOnAfterLoss(store, Date.now());
  const warning = loss === null ? undefined : lossText(paths.database, loss);
  if (warning !== undefined) log.warn(warning);
  const probe = new CaseProbe(paths.home);
  const dispatcher = new Dispatcher({
    store,
    settings,
    paths,
    pid: process.pid,
    background,
    readClock: () => ({ wallMs: Date.now(), monotonicMs: performance.now() }),
    newId: () => crypto.randomUUID(),
    random: Math.random,
    ignoresCase: (scope) => probe.ignoresCase(scope),
    checkPages: pageChecks(checkPages, () => server.wake()),
    observer: {
      served: settings.logRequests === 1 ? (served) => log.info(requestLine(served)) : null,
      bug: (what, error) => log.error(`${what} failed:`, error),
      storage: (problem) => (problem === null ? log.info("the storage works again") : log.error(problem.message)),
    },
  });
  // Before anyone can know that it serves: the first thing it hears may be a signal.
  const { promise: end, resolve: endWith } = Promise.withResolvers<End>();
  hearSignals(endWith, log, sink);
  const server = new Server(dispatcher, new KeyPlaces({ probe }), settings, log);
  started.defer(() => server.unlink());
  const socketAdvice = "set AGENTD_SOCKET_PATH to a path where you may make one";
  attempt(`the socket ${paths.socket} cannot be made`, socketAdvice, () => server.listen(paths.socket));
  const socket = knownFile(paths.socket);
  watchFiles([socket, knownFile(paths.lock)], paths.stopMarker, {
    lost: (path) => endWith({ status: 1, why: `${path} was removed, replaced or moved` }),
    asked: () => endWith({ status: 0, why: `${paths.stopMarker} asks for it` }),
  });
  keepRetention(settings.retentionDays, server, log);
  log.info(
    `agentd ${version} (${commit}) serves ${paths.socket}, pid ${process.pid}, journal at ${store.reads.head.seq}`,
  );
  started.move();
  return { paths, log, store, server, instance, socket, end, warning };
}

function lossText(database: string, { lost, from, seq }: Loss): string {
  return `${database} is an older copy than the one that was here, or another: the journal had row ${lost.seq}, and this one ends at ${from.seq}; it goes on at ${seq}, so that no fencing token is given twice`;
}

function requestLine({ call, seq, tookMs, answerChars }: Served): string {
  const id = JSON.stringify(call.request.id ?? null).slice(0, 100);
  const size = answerChars === null ? "waits" : `${answerChars} characters`;
  return `${call.name} id=${id} seq=${seq} ${tookMs.toFixed(2)} ms, ${size}`;
}

interface Daemon {
  paths: Paths;
  log: Log;
  store: Store;
  server: Server;
  instance: Instance;
  /** Its socket, which somebody else's may have replaced. */
  socket: KnownFile;
  end: Promise<End>;
  /** What whoever started it should know. */
  warning: string | undefined;
}

/** Why a daemon ends. */
interface End {
  why: string;
  /** 0 when it was asked to end, 1 when its home was taken from it: a supervisor should start another. */
  status: 0 | 1;
}

/** Ends the daemon on a signal, and the process on a failure that it cannot survive. */
function hearSignals(endWith: (end: End) => void, log: Log, sink: LogSink): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => endWith({ status: 0, why: signal }));
  process.on("SIGHUP", () => sink.reopen());
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error) => {
      log.fatal(`${event}:`, error);
      exitNow(70);
    });
  }
}

/** Answers what was asked and leaves nothing half done. */
async function takeDown({ log, store, server, instance, socket }: Daemon, why: string): Promise<void> {
  log.info(`stopping: ${why}`);
  try {
    await server.drain(drainMsMax);
    store.close();
  } catch (error) {
    log.error("stopping:", error);
  }
  // Unlinking goes by path: another's socket must not go with ours. The lock comes last, so no successor is there yet.
  if (socket.isSame()) server.unlink();
  instance.release();
  log.info("stopped");
}
