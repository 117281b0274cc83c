import { refuse } from "../core/decision.ts";
import { describeInterface } from "../protocol/describe.ts";
import { type Settings, settingsGiven, settingsView } from "../protocol/settings.ts";
import { commit, version } from "../protocol/version.ts";
import { backUp } from "./journal/backup.ts";
import type { Handlers } from "./handler.ts";
import { verifyJournal } from "./verification/verify.ts";

/** What Health tells of the settings, which never change while the daemon runs. */
const toldOf = new WeakMap<Settings, { limits: Record<string, number>; settings: Record<string, string> }>();

function told(values: Settings) {
  const known = toldOf.get(values) ?? { limits: settingsView(values), settings: settingsGiven(values) };
  toldOf.set(values, known);
  return known;
}

export const daemonHandlers = {
  DescribeInterface: (_params, { settings }) => describeInterface(settingsView(settings)),

  Health(_params, { store, reads, settings, paths, runtime }) {
    const problem = store.check()?.message ?? runtime.storageProblem();
    return {
      status: problem === null ? "ok" : "degraded",
      database: problem ?? "ok",
      running_timeout_secs: settings.nodeTimeoutSecs,
      context_event_limit: settings.contextEventLimit,
      version,
      commit,
      pid: runtime.pid,
      background: runtime.background,
      uptime_secs: runtime.uptimeSecs(),
      home: paths.home,
      socket_path: paths.socket,
      database_path: paths.database,
      last_seq: reads.head.seq,
      ...told(settings),
    };
  },

  Metrics(_params, { store, reads, settings, runtime, nowMs }) {
    const leases = reads.leases.count(nowMs);
    const { acquisition_latency_micros_total: micros, acquired_nodes: acquired } = runtime.counts;
    const statuses = Object.entries(reads.totals.nodes).filter(([, count]) => count > 0);
    return {
      uptime_secs: runtime.uptimeSecs(),
      running_timeout_secs: settings.nodeTimeoutSecs,
      context_event_limit: settings.contextEventLimit,
      runtime: {
        ...runtime.counts,
        average_acquisition_latency_micros: acquired === 0 ? 0 : Math.round(micros / acquired),
      },
      database: {
        schema_version: store.schemaVersion,
        latest_schema_version: store.schemaVersion,
        total_tasks: reads.totals.tasks,
        total_nodes: Object.values(reads.totals.nodes).reduce((sum, count) => sum + count, 0),
        total_events: reads.totals.events,
        active_resource_locks: leases.locks - leases.expiredLocks,
        expired_resource_locks: leases.expiredLocks,
        running_leases: leases.running,
        expired_running_leases: leases.expiredRunning,
        node_status_counts: Object.fromEntries(statuses),
      },
    };
  },

  VerifyJournal: (params, context) => verifyJournal(params, context),

  Backup({ path }, { store }) {
    if (!path.startsWith("/")) {
      const message = `${path} is not an absolute path, and the daemon's working directory is not yours`;
      return refuse("INVALID_STATE", message, { path });
    }
    return backUp(store, path);
  },
} satisfies Partial<Handlers>;
