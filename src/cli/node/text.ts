import type { Result } from "../../protocol/methods.ts";
import { dim, momentText, oneLine, red, spanText, statusText, yellow, counted } from "../text.ts";

type Status = Result<"TaskStatus">;
type Node = Status["nodes"][number];

const labelKeys = ["name", "title", "prompt"];

/** What a node is called by its name or payload, in one line; empty when by neither. */
export function labelOf({ name, payload_schema: payload }: Pick<Node, "name" | "payload_schema">): string {
  const fields = fieldsOf(payload);
  const label = [name, ...labelKeys.map((key) => fields[key])].find((value) => typeof value === "string");
  return typeof label === "string" ? oneLine(label, 40) : "";
}

/** How far its worker says it is: `40% lexing`; empty where nothing is said or running. */
export function progressOf({ status, progress }: Pick<Node, "status" | "progress">): string {
  if (status !== "RUNNING") return "";
  const { percent, message } = progress ?? {};
  return [typeof percent === "number" ? `${percent}%` : "", oneLine(message ?? "", 60)]
    .filter((text) => text !== "")
    .join(" ");
}

/** A task's state; a paused one is ACTIVE too, but gives no work out. */
export function stateText(state: Status["state"], { paused }: Pick<Status["task"], "paused">): string {
  return paused && state === "ACTIVE" ? yellow("PAUSED") : statusText(state);
}

/** What else decides who gets a task or node first, or at all: a priority that is not 0, and labels. */
export function weightOf({ priority, labels }: Pick<Node, "priority" | "labels">): string[] {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return [
    ...(priority === 0 ? [] : [`priority ${priority}`]),
    ...(pairs.length === 0 ? [] : [oneLine(pairs.join(" "), 80)]),
  ];
}

/** All a line tells of a node beside its id and status. `now` in unix seconds. */
export function nodeFacts(node: Node, nameOf: (id: string) => string, now: number): string[] {
  return [
    labelOf(node),
    progressOf(node),
    holderText(node, now),
    attemptsText(node),
    pauseText(node, now),
    failureText(node, nameOf),
    blockedText(node, nameOf),
    heldBackText(node),
    ...weightOf(node).map(dim),
  ].filter((text) => text !== "");
}

/** Who holds a running node, since when and for how long yet; else empty. */
function holderText(node: Node, now: number): string {
  if (node.status !== "RUNNING" || node.acquired_at === null || node.lease_expires_at === null) return "";
  const since = `${momentText(node.acquired_at).slice(11)} (${spanText(now - node.acquired_at)})`;
  const left = node.lease_expires_at - now;
  const lease = left > 0 ? `lease ends in ${spanText(left)}` : red("lease expired");
  return `${oneLine(node.lease_owner ?? "anonymous", 40)} since ${since}, ${lease}`;
}

/** How often a node was tried in vain: `attempt 2 of 3, 1 lease lost`; empty where it never was. */
function attemptsText(node: Pick<Node, "status" | "failed_attempts" | "lost_attempts" | "max_attempts">): string {
  const { status, failed_attempts: failed, lost_attempts: lost, max_attempts: max } = node;
  const tried = status === "FAILED" ? `${failed} of ${max} attempts failed` : `attempt ${failed + 1} of ${max}`;
  return [
    ...(failed === 0 || max === 1 ? [] : [tried]),
    ...(lost === 0 ? [] : [`${counted(lost, "lease")} lost`]),
  ].join(", ");
}

/** What keeps a PENDING node, but locks: a pause, or what FAILED before it; else empty. */
export const waitText = (node: Node, nameOf: (id: string) => string, now: number): string =>
  [pauseText(node, now), blockedText(node, nameOf)].filter((text) => text !== "").join("  ");

/** Until when nobody gets a PENDING node; else empty. */
function pauseText(
  { status, not_before_ms: notBeforeMs }: Pick<Node, "status" | "not_before_ms">,
  now: number,
): string {
  const left = (notBeforeMs ?? 0) / 1000 - now;
  if (status !== "PENDING" || left <= 0) return "";
  return yellow(`not before ${momentText(now + left).slice(11)} (in ${spanText(left)})`);
}

/** Whether a node is FAILED only because a dependency is. */
export function isSkipped(node: Pick<Node, "status" | "on_dependency_failure" | "result_payload">): boolean {
  const { status, on_dependency_failure: policy, result_payload: error } = node;
  return status === "FAILED" && policy === "skip" && fieldsOf(error).kind === "DEPENDENCY_FAILED";
}

/** Why a FAILED node is; empty where that is said elsewhere. */
function failureText(node: Node, nameOf: (id: string) => string): string {
  const { status, result_payload: error } = node;
  if (status !== "FAILED" || error === null) return "";
  const { kind, node_ids: failed, reason, message } = fieldsOf(error);
  if (isSkipped(node))
    return red(`skipped: ${several(Array.isArray(failed) ? failed.map(String) : [], nameOf)} FAILED`);
  if (kind === "TOO_MANY_LOST_LEASES") return "";
  if (kind === "CANCELED") return red(reason === "" ? "canceled" : `canceled: ${oneLine(String(reason), 80)}`);
  const text = [error, message].find((value) => typeof value === "string");
  return red(oneLine(typeof text === "string" ? text : JSON.stringify(error), 80));
}

/** An original's nodes have no `blocked_by`. */
function blockedText(node: Partial<Node>, nameOf: (id: string) => string): string {
  const blockers = node.blocked_by ?? [];
  return blockers.length === 0 ? "" : red(`blocked by ${several(blockers, nameOf)}`);
}

/** Whether a lock keeps a node from being handed out; an original's nodes have no `held_back_by`. */
function heldBackText({ status, held_back_by: leaseId }: Partial<Node>): string {
  if (status !== "PENDING" || leaseId === null || leaseId === undefined) return "";
  return yellow(`held back by locks of lease ${leaseId.slice(0, 8)}`);
}

function several(ids: readonly string[], nameOf: (id: string) => string): string {
  const more = ids.length > 3 ? ` and ${ids.length - 3} more` : "";
  return `${ids.slice(0, 3).map(nameOf).join(", ")}${more}`;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** A node as people look for it: its name and the beginning of its id, or the whole id where it has no name. */
export function nameAndId(id: string, name: string | null): string {
  return name === null ? id : `${oneLine(name, 60)} (${id.slice(0, 8)})`;
}

/** What became of a retry. */
export function retriedText({ node_ids: ids }: Result<"RetryNode">): string {
  return ids.length === 1 ? `node ${ids[0]} is PENDING again` : `${ids.length} nodes are PENDING again`;
}
