import type { Result } from "../protocol/methods.ts";
import { Failure } from "./exits.ts";
import type { Session } from "./session.ts";
import { oneLine } from "./text.ts";

const fullId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const beginning = /^[0-9a-f-]{1,35}$/i;
const pageSize = 1_000;
const candidatesShown = 5;

/** An id a shortened one may stand for, and what a person knows it by. */
export interface Candidate {
  id: string;
  label: string;
}

/** The task an id or its beginning names. A full id costs no call. */
export async function resolveTask(session: Session, given: string): Promise<string> {
  if (isFull(given, "task")) return given.toLowerCase();
  const found: Candidate[] = [];
  let before: string | null = null;
  do {
    const page: Result<"ListTasks"> = await session.call("ListTasks", { limit: pageSize, before });
    found.push(...page.tasks.map(({ id, goal }) => ({ id, label: goal })));
    before = page.next_before;
  } while (before !== null);
  return pickId(given, "task", found);
}

/** The node of `taskId` an id or its beginning names. */
export async function resolveNode(session: Session, taskId: string, given: string): Promise<string> {
  if (isFull(given, "node")) return given.toLowerCase();
  const { nodes } = await session.call("TaskStatus", { task_id: taskId });
  return pickId(
    given,
    "node",
    nodes.map(({ id, status }) => ({ id, label: status })),
  );
}

/** A running node's lease, named in full or by its beginning. */
export async function resolveLease(session: Session, taskId: string, given: string): Promise<string> {
  if (isFull(given, "lease")) return given.toLowerCase();
  const { nodes } = await session.call("TaskStatus", { task_id: taskId });
  const leases = nodes.flatMap(({ lease_id: id, lease_owner: owner }) =>
    id === null ? [] : [{ id, label: owner ?? "" }],
  );
  return pickId(given, "lease", leases);
}

/** A held resource lock's lease, named in full or by its beginning. */
export async function resolveLockLease(session: Session, key: string, given: string): Promise<string> {
  if (isFull(given, "lease")) return given.toLowerCase();
  const { locks } = await session.call("ListResourceLocks", {});
  const ofKey = locks.filter((lock) => lock.resource_key === key);
  return pickId(
    given,
    "lease",
    ofKey.map(({ lease_id: id, owner: label }) => ({ id, label })),
  );
}

function isFull(given: string, what: string): boolean {
  if (fullId.test(given)) return true;
  if (beginning.test(given)) return false;
  throw new Failure("USAGE", `${JSON.stringify(given)} is no ${what} id; expected a UUID or its beginning`);
}

/**
 * The one id that begins with `given`.
 * @throws {Failure} NOT_FOUND when there is none, USAGE when there are several, listing them.
 */
export function pickId(given: string, what: string, candidates: readonly Candidate[]): string {
  const matching = candidates.filter(({ id }) => id.startsWith(given.toLowerCase()));
  const [first, second] = matching;
  if (first === undefined) throw new Failure("NOT_FOUND", `no ${what} id begins with ${given}`);
  if (second === undefined) return first.id;
  const shown = matching.slice(0, candidatesShown).map(({ id, label }) => `\n  ${id}  ${oneLine(label, 60)}`);
  const more = matching.length > candidatesShown ? `\n  and ${matching.length - candidatesShown} more` : "";
  throw new Failure("USAGE", `${given} begins ${matching.length} ${what} ids; add characters:${shown.join("")}${more}`);
}

/** The shortest beginnings, 8 characters at least, that tell these ids apart. */
export function shortIds(ids: readonly string[]): Map<string, string> {
  const sorted = ids.toSorted();
  const short = new Map<string, string>();
  sorted.forEach((id, index) => {
    const length = Math.max(8, 1 + common(id, sorted[index - 1]), 1 + common(id, sorted[index + 1]));
    short.set(id, id.slice(0, length));
  });
  return short;
}

function common(a: string, b = ""): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
