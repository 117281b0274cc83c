import type { Result } from "../protocol/methods.ts";
import { Failure } from "./exits.ts";
import { suggest } from "../protocol/nearest.ts";
import type { Session } from "./session.ts";
import { uuidOf } from "../protocol/uuid.ts";
import { oneLine } from "./text.ts";

const pageSize = 1_000;
const candidatesShown = 5;

type Node = Result<"TaskStatus">["nodes"][number];

/** What goes by an id, and where its ids are shown. */
const lookAt = {
  task: "agentd task list",
  node: "agentd task status TASK",
  lease: "agentd task status TASK, or agentd lock list",
  bundle: "agentd bundle list --everywhere --status all",
} as const satisfies Record<string, string>;

type Named = keyof typeof lookAt;

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
  const pages = await everyPage((page) => session.call("ListTasks", page));
  const tasks = pages.flatMap((page) => page.tasks);
  const found = tasks.map(({ id, name, goal, state }): NamedTask => ({ id, name, label: goal, state }));
  const named = newestNamed(given, found);
  if (named === null) return pickId(given, "task", found);
  if (named.note !== null) session.note(named.note);
  return named.id;
}

/** Asks for all pages of a list. */
export async function everyPage<Page extends { next_before: string | null }>(
  ask: (page: { limit: number; before: string | null }) => Promise<Page>,
): Promise<Page[]> {
  const pages: Page[] = [];
  let before: string | null = null;
  do {
    const page: Page = await ask({ limit: pageSize, before });
    pages.push(page);
    before = page.next_before;
  } while (before !== null);
  return pages;
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

/** What a word stands for: an id in full costs no call, else what it may be is asked for. */
export async function resolveId(given: string, what: Named, ask: () => Promise<Candidate[]>): Promise<string> {
  return uuidOf(given) ?? pickId(given, what, await ask());
}

/** The same for several words, in their order. */
export async function resolveIds(
  given: readonly string[],
  what: Named,
  ask: () => Promise<Candidate[]>,
): Promise<string[]> {
  const known = given.every((each) => uuidOf(each) !== null) ? [] : await ask();
  return given.map((each) => uuidOf(each) ?? pickId(each, what, known));
}

/** The node of `taskId` a name, an id or the prefix of one stands for. */
export const resolveNode = (session: Session, taskId: string, given: string) =>
  resolveId(given, "node", async () => nodeCandidates(await nodesOf(session, taskId)));

export const resolveNodes = (session: Session, taskId: string, given: readonly string[]) =>
  resolveIds(given, "node", async () => nodeCandidates(await nodesOf(session, taskId)));

const nodesOf = async (session: Session, task_id: string) => (await session.call("TaskStatus", { task_id })).nodes;

export const nodeCandidates = (nodes: readonly Node[]): Candidate[] =>
  nodes.map(({ id, name, status }) => ({ id, name, label: status }));

/** A running node's lease. */
export const resolveLease = (session: Session, taskId: string, given: string) =>
  resolveId(given, "lease", async () =>
    (await nodesOf(session, taskId)).flatMap(({ lease_id: id, lease_owner: owner }) =>
      id === null ? [] : [{ id, label: owner ?? "" }],
    ),
  );

/** A lease of resource locks. */
export const resolveLockLease = (session: Session, given: string) =>
  resolveId(given, "lease", async () => {
    const { locks } = await session.call("ListResourceLocks", {});
    return [...new Map(locks.map(({ lease_id: id, owner: label }) => [id, { id, label }])).values()];
  });

/**
 * The one id whose name is `given`, or else that begins with it.
 * @throws {Failure} NOT_FOUND when there is none, USAGE when there are several, listing them.
 */
export function pickId(given: string, what: Named, candidates: readonly Candidate[]): string {
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

function notFound(given: string, what: Named, candidates: readonly Candidate[]): string {
  const look = `see: ${lookAt[what]}`;
  if (what === "lease" || what === "bundle") return `no ${what} id begins with ${given}; ${look}`;
  const names = candidates.flatMap(({ name }) => (typeof name === "string" ? [oneLine(name, 60)] : []));
  return `no ${what} is named ${given}, and no ${what} id begins with it${suggest(given, names)}; ${look}`;
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
