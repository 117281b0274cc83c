import { acquireHandlers, acquirePreparations } from "./acquire.ts";
import { bundleHandlers } from "./bundles.ts";
import { comparisonHandlers } from "./compare-bundles.ts";
import { controlHandlers } from "./control.ts";
import { daemonHandlers } from "./daemon.ts";
import { eventHandlers } from "./events.ts";
import type { Handlers, Preparations } from "./handler.ts";
import { lockReportHandlers } from "./lock-reports.ts";
import { lockHandlers } from "./locks.ts";
import { nodeHandlers } from "./nodes.ts";
import { pruneHandlers } from "./prune.ts";
import { taskStatusHandlers } from "./task-status.ts";
import { taskHandlers } from "./tasks.ts";

export const handlers: Handlers = {
  ...daemonHandlers,
  ...taskHandlers,
  ...taskStatusHandlers,
  ...acquireHandlers,
  ...nodeHandlers,
  ...controlHandlers,
  ...eventHandlers,
  ...lockHandlers,
  ...lockReportHandlers,
  ...bundleHandlers,
  ...comparisonHandlers,
  ...pruneHandlers,
};

export const preparations: Preparations = acquirePreparations;
