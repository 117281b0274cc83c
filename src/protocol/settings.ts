import { limits } from "./limits.ts";

/** One number a user may set by environment. */
export interface Setting {
  variable: string;
  default: number;
  min: number;
  max: number;
  /** How the value is written: decimal, or octal as file modes are. */
  notation: "decimal" | "octal";
  summary: string;
}

const decimal = (variable: string, value: number, min: number, max: number, summary: string): Setting => ({
  variable,
  default: value,
  min,
  max,
  notation: "decimal",
  summary,
});

/** Everything the daemon can be told by environment or `.env`, beside its paths. */
export const settings = {
  nodeTimeoutSecs: decimal(
    "AGENTD_NODE_TIMEOUT_SECS",
    300,
    0,
    limits.ttlSecsMax,
    "how long a lease runs without a heartbeat",
  ),
  maxLostAttempts: decimal(
    "AGENTD_MAX_LOST_ATTEMPTS",
    5,
    0,
    limits.attemptsMax,
    "leases a node may lose before it fails; 0: any number",
  ),
  contextEventLimit: decimal("AGENTD_CONTEXT_EVENT_LIMIT", 50, 0, 10_000, "events an acquired node's context shows"),
  connectionsMax: decimal("AGENTD_CONNECTIONS_MAX", limits.connectionsMax, 1, 65_536, "connections served at once"),
  requestBytesMax: decimal(
    "AGENTD_REQUEST_BYTES_MAX",
    limits.requestBytesMax,
    1_024,
    limits.inputBytesMax,
    "bytes of one request line, newline included",
  ),
  depthMax: decimal("AGENTD_DEPTH_MAX", limits.depthMax, 8, 512, "nesting of one request"),
  batchRequestsMax: decimal(
    "AGENTD_BATCH_REQUESTS_MAX",
    limits.batchRequestsMax,
    1,
    65_536,
    "requests that share one commit",
  ),
  unreadBytesMax: decimal(
    "AGENTD_UNREAD_BYTES_MAX",
    limits.unreadBytesMax,
    65_536,
    1 << 30,
    "bytes of answers a client may leave unread before it is disconnected",
  ),
  clientsBytesMax: decimal(
    "AGENTD_CLIENTS_BYTES_MAX",
    limits.clientsBytesMax,
    16 << 20,
    2 ** 36,
    "bytes of requests and answers kept for all clients before one of them is disconnected",
  ),
  taskNodesMax: decimal("AGENTD_TASK_NODES_MAX", limits.taskNodesMax, 1, 1_000_000, "nodes of one task"),
  activeNodesMax: decimal(
    "AGENTD_ACTIVE_NODES_MAX",
    limits.activeNodesMax,
    1,
    10_000_000,
    "nodes of all tasks that have not ended, which are kept in memory",
  ),
  nodeDependenciesMax: decimal(
    "AGENTD_NODE_DEPENDENCIES_MAX",
    limits.nodeDependenciesMax,
    0,
    limits.newDependenciesMax,
    "dependencies of one node",
  ),
  retentionDays: decimal(
    "AGENTD_RETENTION_DAYS",
    0,
    0,
    36_500,
    "days after which finished work moves to an archive, once a day; 0: never",
  ),
  logRequests: decimal(
    "AGENTD_LOG_REQUESTS",
    0,
    0,
    1,
    "1 logs every request: method, id, seq, duration and size, never payloads",
  ),
  socketMode: {
    variable: "AGENTD_SOCKET_MODE",
    default: 0o600,
    min: 0o600,
    max: 0o660,
    notation: "octal",
    summary: "mode of the socket: 0600 for its owner, 0660 to let the group in",
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;
export type Settings = Record<SettingName, number>;

/** A setting that cannot be used: which variable, which value, what was expected. */
export class BadSetting extends Error {}

interface Relation {
  /** So many times this one … */
  times: number;
  of: SettingName;
  /** … may be no more than that one. */
  within: SettingName;
  why: string;
}

/** Which settings may not contradict each other. */
const relations: readonly Relation[] = [
  {
    times: 1,
    of: "unreadBytesMax",
    within: "clientsBytesMax",
    why: "one client may leave no more unread than all of them together",
  },
  {
    times: limits.memoryPerByte / limits.clientsBurst,
    of: "requestBytesMax",
    within: "clientsBytesMax",
    why: `a request takes up to ${limits.memoryPerByte} times its bytes once it is read, and whose alone are too much is disconnected`,
  },
];

/**
 * Reads every setting.
 * @throws {BadSetting} for the first value that does not fit, or contradicts another; a wrong value never falls back to its
 * default.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const entries = Object.entries(settings).map(([name, setting]) => [name, readSetting(setting, environment)]);
  const values = Object.fromEntries(entries) as Settings;
  refuseContradictions(values);
  return values;
}

function refuseContradictions(values: Settings): void {
  for (const { times, of, within, why } of relations) {
    const [least, got] = [times * values[of], values[within]];
    if (least <= got) continue;
    const [one, other] = [settings[of].variable, settings[within].variable];
    throw new BadSetting(
      `${one} is ${values[of]}, for which ${other} must be at least ${least} and is ${got}: ${why}; raise ${other} or lower ${one}`,
    );
  }
}

function readSetting(setting: Setting, environment: Readonly<Record<string, string | undefined>>): number {
  const text = environment[setting.variable];
  if (text === undefined) return setting.default;
  const octal = setting.notation === "octal";
  const value = octal ? Number.parseInt(text, 8) : Number(text);
  const fits = octal ? /^0?6[06]0$/.test(text) : /^\d+$/.test(text) && value >= setting.min && value <= setting.max;
  if (fits) return value;
  const expected = octal ? "0600 or 0660" : `a whole number from ${setting.min} to ${setting.max}`;
  throw new BadSetting(`${setting.variable} is ${JSON.stringify(text)}; expected ${expected} (${setting.summary})`);
}

/** The limits as Health and DescribeInterface show them: each variable's name without its prefix, in lower case. */
export function settingsView(values: Settings): Record<string, number> {
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([, setting]) => setting !== settings.socketMode && setting !== settings.logRequests)
      .map(([name, setting]) => [setting.variable.replace("AGENTD_", "").toLowerCase(), values[name as SettingName]]),
  );
}

/** Every setting as one would write it, by its variable: what a daemon was given, and what this environment would give. */
export function settingsGiven(values: Settings): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, { variable, notation }]) => {
      const value = values[name as SettingName];
      return [variable, notation === "octal" ? value.toString(8).padStart(4, "0") : String(value)];
    }),
  );
}
