import type { Result } from "../protocol/methods.ts";

type RuntimeView = Result<"Metrics">["runtime"];

/** What is counted since the daemon started; the average is derived. */
export type Counter = Exclude<keyof RuntimeView, "average_acquisition_latency_micros">;

export type Counts = Record<Counter, number>;

/** What the service tells about the process it runs in. */
export interface Runtime {
  readonly counts: Readonly<Counts>;
  readonly pid: number;
  readonly background: boolean;
  uptimeSecs(): number;
  /** Microseconds on a clock that never steps. */
  monotonicMicros(): number;
  /** Null while the storage works, else what is wrong with it. */
  storageProblem(): string | null;
}

export const noCounts = (): Counts => ({
  registered_tasks: 0,
  acquire_attempts: 0,
  acquired_nodes: 0,
  acquisition_latency_micros_total: 0,
  committed_events: 0,
  heartbeats: 0,
  completed_nodes: 0,
  failed_nodes: 0,
  timeout_rollbacks: 0,
  acquired_resource_locks: 0,
  released_resource_locks: 0,
});
