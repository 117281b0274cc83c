import type * as v from "valibot";
import type { Method } from "./method.ts";
import { snakeCase } from "./method.ts";
import * as bundles from "./methods/bundles.ts";
import * as control from "./methods/control.ts";
import * as daemon from "./methods/daemon.ts";
import * as events from "./methods/events.ts";
import * as locks from "./methods/locks.ts";
import * as nodes from "./methods/nodes.ts";
import * as tasks from "./methods/tasks.ts";

/** The contract: one row per method, in the order people should read about them. */
export const methods = {
  DescribeInterface: daemon.DescribeInterface,
  Health: daemon.Health,
  Metrics: daemon.Metrics,
  RegisterTask: tasks.RegisterTask,
  AddNodes: tasks.AddNodes,
  AcquireNextNode: nodes.AcquireNextNode,
  HeartbeatNode: nodes.HeartbeatNode,
  CompleteNode: nodes.CompleteNode,
  FailNode: nodes.FailNode,
  ReleaseNode: nodes.ReleaseNode,
  RetryNode: nodes.RetryNode,
  ListRunningNodes: nodes.ListRunningNodes,
  CommitEvent: events.CommitEvent,
  TaskStatus: tasks.TaskStatus,
  ListTasks: tasks.ListTasks,
  CancelTask: control.CancelTask,
  PauseTask: control.PauseTask,
  ResumeTask: control.ResumeTask,
  SetPriority: control.SetPriority,
  ListEvents: events.ListEvents,
  AcquireResourceLock: locks.AcquireResourceLock,
  AcquireResourceLocks: locks.AcquireResourceLocks,
  HeartbeatResourceLock: locks.HeartbeatResourceLock,
  ReleaseResourceLock: locks.ReleaseResourceLock,
  ForceReleaseResourceLock: locks.ForceReleaseResourceLock,
  CheckResourceLocks: locks.CheckResourceLocks,
  ListResourceLocks: locks.ListResourceLocks,
  RecordGuardBypass: locks.RecordGuardBypass,
  SubmitPatchBundle: bundles.SubmitPatchBundle,
  CheckPatchBundle: bundles.CheckPatchBundle,
  ComparePatchBundles: bundles.ComparePatchBundles,
  DecidePatchBundle: bundles.DecidePatchBundle,
  ListPatchBundles: bundles.ListPatchBundles,
  GetPatchBundle: bundles.GetPatchBundle,
  VerifyJournal: daemon.VerifyJournal,
  Backup: daemon.Backup,
  PruneJournal: daemon.PruneJournal,
} satisfies Record<string, Method>;

export type MethodName = keyof typeof methods;
/** Parameters as a client writes them: defaults may be left out. */
export type ParamsInput<Name extends MethodName> = v.InferInput<(typeof methods)[Name]["params"]>;
/** Parameters as a handler gets them: validated, defaults filled in. */
export type Params<Name extends MethodName> = v.InferOutput<(typeof methods)[Name]["params"]>;
export type Result<Name extends MethodName> = v.InferOutput<(typeof methods)[Name]["result"]>;
/** What a method's row says it may be refused with. */
export type RefusalKind<Name extends MethodName> = (typeof methods)[Name]["refusals"][number];

export const methodNames = Object.keys(methods) as MethodName[];

/** The row of a method, seen as any method. */
export function methodRow(name: MethodName): Method {
  return methods[name];
}

/** Every name a method answers to beside its own. */
export function aliasesOf(name: MethodName): string[] {
  return [snakeCase(name), ...(methodRow(name).aliases ?? [])];
}

/** Whether a client that got no answer may simply ask again. */
export function isRepeatable(spelling: string): boolean {
  const name = findMethod(spelling);
  if (name === undefined) return false;
  const { mutates, repeatable = !mutates } = methodRow(name);
  return repeatable;
}

const byName = new Map<string, MethodName>(
  methodNames.flatMap((name) => [name, ...aliasesOf(name)].map((spelling) => [spelling, name] as const)),
);

/** The method that answers to `spelling`, in PascalCase, snake_case or as an alias. */
export function findMethod(spelling: string): MethodName | undefined {
  return byName.get(spelling);
}
