import * as v from "valibot";
import { decisionView, bundleView, patchBundleView, shownRun } from "../../src/protocol/methods/bundle-views.ts";
import { holder, waiting } from "../../src/protocol/methods/views.ts";
import { acquiredNode } from "../../src/protocol/methods/nodes.ts";
import {
  attemptView,
  contextEventView,
  journalRowView,
  lockEntries,
  nodeStatusView,
  nodeView,
  progressView,
  taskView,
} from "../../src/protocol/methods/views.ts";
import { jsonSchemaOf, type Shape, shapeOf } from "../../src/protocol/shape.ts";

/** Objects that answers hold, each of which the reference shows once and answers name. */
const schemas = {
  Task: taskView,
  Node: nodeView,
  NodeStatus: nodeStatusView,
  Progress: progressView,
  Attempt: attemptView,
  AcquiredNode: acquiredNode,
  ContextEvent: contextEventView,
  Event: journalRowView,
  Lock: v.object(lockEntries),
  LockHolder: holder,
  LockWaiter: waiting,
  Bundle: bundleView,
  WholeBundle: patchBundleView,
  Decision: decisionView,
  VerificationRun: shownRun,
} as const;

/** The name of an object that answers hold. */
export type ObjectName = keyof typeof schemas;

interface Named {
  name: ObjectName;
  /** Its fields, each as text to compare with. */
  fields: ReadonlyMap<string, string>;
}

const shapes = Object.fromEntries(
  Object.entries(schemas).map(([name, schema]) => [name, shapeOf(jsonSchemaOf(schema))]),
) as Record<ObjectName, Shape>;

/** Those with most fields first: what several of them fit is shown as the largest. */
const named: readonly Named[] = (Object.keys(schemas) as ObjectName[])
  .map((name) => ({ name, fields: fieldTexts(shapes[name]) }))
  .toSorted((a, b) => b.fields.size - a.fields.size);

/** The field that stands for all the fields of an object that is named. */
export const allOf = "…";

/** Every object by its name, as a shape that names the others in it. */
export function objectShapes(): [name: ObjectName, shape: Shape][] {
  return (Object.keys(schemas) as ObjectName[]).map((name) => [name, inNames(shapes[name], name)]);
}

/**
 * A shape in which objects that have a name are named: `Task`, `[Node]`, `Task | null`. One with further fields has the
 * name under `…`. `except` is the object that is being shown itself.
 */
export function inNames(shape: Shape, except?: ObjectName): Shape {
  if (typeof shape === "string") return shape;
  if (Array.isArray(shape)) return inList(shape.map((item) => inNames(item)));
  const { nullable, optional } = shape;
  if (nullable !== undefined) return suffixed(inNames(nullable), " | null", (inner) => ({ nullable: inner }));
  if (optional !== undefined) return suffixed(inNames(optional), "?", (inner) => ({ ...shape, optional: inner }));
  return named.flatMap((each) => (each.name === except ? [] : (asNamed(shape, each) ?? [])))[0] ?? within(shape);
}

/** The names a shape mentions. */
export function namesIn(shape: Shape): ObjectName[] {
  const words = new Set(JSON.stringify(shape).split(/\W+/));
  return (Object.keys(schemas) as ObjectName[]).filter((name) => words.has(name));
}

function asNamed(shape: { [field: string]: Shape }, { name, fields }: Named): Shape | undefined {
  const texts = fieldTexts(shape);
  if ([...fields].some(([field, text]) => texts.get(field) !== text)) return undefined;
  const rest = Object.entries(shape).filter(([field]) => !fields.has(field));
  return rest.length === 0 ? name : { [allOf]: name, ...within(Object.fromEntries(rest)) };
}

function within(shape: { [field: string]: Shape }): { [field: string]: Shape } {
  return Object.fromEntries(Object.entries(shape).map(([field, inner]) => [field, inNames(inner)]));
}

function inList([item, ...others]: Shape[]): Shape {
  return typeof item === "string" && others.length === 0 ? `[${item}]` : [item ?? "json", ...others];
}

function suffixed(inner: Shape, suffix: string, wrapped: (inner: Shape) => Shape): Shape {
  return typeof inner === "string" ? `${inner}${suffix}` : wrapped(inner);
}

function fieldTexts(shape: Shape): Map<string, string> {
  return new Map(Object.entries(shape).map(([field, inner]) => [field, JSON.stringify(inner)]));
}
