import type { Result } from "../protocol/methods.ts";
import { Failure } from "./exits.ts";
import { suggest } from "../protocol/nearest.ts";
import type { Session } from "./session.ts";
import { uuidOf } from "../protocol/uuid.ts";
import { oneLine } from "./text.ts";

const pageSize = 1_000;
const candidatesShown = 5;

type Node = Result<"TaskStatus">["nodes"][number];

/** The ids, where all are given in full. */
export function fullIds(given: readonly string[]): string[] | null {
  const ids = given.flatMap((each) => uuidOf(each) ?? []);
  return ids.length === given.length ? ids : null;
}

/** An id a name or a shortened id may stand for, and what else a person knows it by. */
export interface Candidate {
  id: string;
  name?: string | null;
  label: string;
}

/**
 * The task a name, an id or the prefix of one stands for. A name that several have is the newest ACTIVE one's, or the
 * newest one's where none is; that there are others is said. A full id costs no call.
 */
export async function resolveTask(session: Session, given: string): Promise<string> {
  const full = uuidOf(given);
  if (full !== null) return full;
  const found: NamedTask[] = [];
  let before: string | null = null;
  do {
    const page: Result<"ListTasks"> = await session.call("ListTasks", { limit: pageSize, before });
    found.push(...page.tasks.map(({ id, name, goal, state }) => ({ id, name, label: goal, state })));
    before = page.next_before;
  } while (before !== null);
  const named = newestNamed(given, found);
  if (named === null) return pickId(given, "task", found);
  if (named.note !== null) session.note(named.note);
  return named.id;
}

interface NamedTask extends Candidate {
  state: Result<"ListTasks">["tasks"][number]["state"];
}

/** Which of tasks, newest first, a name stands for, and what to tell where several ACTIVE ones have it; null: none has. */
export function newestNamed(given: string, tasks: readonly NamedTask[]): { id: string; note: string | null } | null {
  const named = tasks.filter(({ name }) => given !== "" && name === given);
  const active = named.filter(({ state }) => state === "ACTIVE");
  const [first] = active.length > 0 ? active : named;
  if (first === undefined) return null;
  const others = active.slice(1).map(({ id }) => id);
  const more = others.length > candidatesShown ? ` and ${others.length - candidatesShown} more` : "";
  const shown = `${others.slice(0, candidatesShown).join(", ")}${more}`;
  const note = `${oneLine(given, 60)} is the name of ${active.length} ACTIVE tasks; this is the newest, ${first.id} (not ${shown})`;
  return { id: first.id, note: others.length === 0 ? null : note };
}

/** The node of `taskId` a name, an id or the prefix of one stands for. */
export async function resolveNode(session: Session, taskId: string, given: string): Promise<string> {
  const [id = given] = await resolveNodes(session, taskId, [given]);
  return id;
}

/** The same for several nodes of one task, in the order given. */
export async function resolveNodes(session: Session, taskId: string, given: readonly string[]): Promise<string[]> {
  return fullIds(given) ?? pickNodes((await session.call("TaskStatus", { task_id: taskId })).nodes, given);
}

/** The ids of those of `nodes` that are meant. */
export function pickNodes(nodes: readonly Node[], given: readonly string[]): string[] {
  const candidates = nodes.map(({ id, name, status }) => ({ id, name, label: status }));
  return given.map((each) => pickId(each, "node", candidates));
}

/** A running node's lease, named in full or by its beginning. */
export async function resolveLease(session: Session, taskId: string, given: string): Promise<string> {
  const full = uuidOf(given);
  if (full !== null) return full;
  const { nodes } = await session.call("TaskStatus", { task_id: taskId });
  const leases = nodes.flatMap(({ lease_id: id, lease_owner: owner }) =>
    id === null ? [] : [{ id, label: owner ?? "" }],
  );
  return pickId(given, "lease", leases);
}

/** A lease of resource locks, named in full or by its beginning. */
export async function resolveLockLease(session: Session, given: string): Promise<string> {
  const full = uuidOf(given);
  if (full !== null) return full;
  const { locks } = await session.call("ListResourceLocks", {});
  const leases = new Map(locks.map(({ lease_id: id, owner: label }) => [id, { id, label }]));
  return pickId(given, "lease", [...leases.values()]);
}

/**
 * The one id whose name is `given`, or else that begins with it.
 * @throws {Failure} NOT_FOUND when there is none, USAGE when there are several, listing them.
 */
export function pickId(given: string, what: string, candidates: readonly Candidate[]): string {
  if (given === "") throw new Failure("USAGE", `the ${what} is empty; expected an id, or the prefix of one`);
  const named = candidates.filter(({ name }) => name === given);
  const begun = candidates.filter(({ id }) => id.startsWith(given.toLowerCase()));
  const matching = named.length > 0 ? named : begun;
  const [first, second] = matching;
  if (first === undefined) throw new Failure("NOT_FOUND", notFound(given, what, candidates));
  if (second === undefined) return first.id;
  const how =
    named.length > 0
      ? `is the name of ${named.length} ${what}s; give an id`
      : `begins ${begun.length} ${what} ids; add characters`;
  const shown = matching.slice(0, candidatesShown).map(({ id, label }) => `\n  ${id}  ${oneLine(label, 60)}`);
  const more = matching.length > candidatesShown ? `\n  and ${matching.length - candidatesShown} more` : "";
  throw new Failure("USAGE", `${given} ${how}:${shown.join("")}${more}`);
}

function notFound(given: string, what: string, candidates: readonly Candidate[]): string {
  if (what === "lease" || what === "bundle") return `no ${what} id begins with ${given}`;
  const names = candidates.flatMap(({ name }) => (typeof name === "string" ? [oneLine(name, 60)] : []));
  return `no ${what} is named ${given}, and no ${what} id begins with it${suggest(given, names)}`;
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

/** Shortens each of these ids to the prefix that tells it apart; any other text stays as it is. */
export function shortener(ids: readonly string[]): (id: string) => string {
  const short = shortIds(ids);
  return (id) => short.get(id) ?? id;
}

function common(a: string, b = ""): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
