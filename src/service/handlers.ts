import { acquireHandlers, acquirePreparations } from "./nodes/acquire.ts";
import { bundleHandlers } from "./bundles/bundles.ts";
import { comparisonHandlers } from "./bundles/compare.ts";
import { controlHandlers } from "./tasks/control.ts";
import { daemonHandlers } from "./daemon.ts";
import { eventHandlers } from "./journal/events.ts";
import type { Handlers, Preparations } from "./handler.ts";
import { lockReportHandlers } from "./locks/reports.ts";
import { lockHandlers } from "./locks/locks.ts";
import { nodeHandlers } from "./nodes/nodes.ts";
import { pruneHandlers } from "./journal/prune.ts";
import { taskStatusHandlers } from "./tasks/task-status.ts";
import { taskHandlers } from "./tasks/tasks.ts";

export const handlers = {
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
} satisfies Handlers;

export const preparations: Preparations = acquirePreparations;
