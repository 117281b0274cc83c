import { type Decision, refuse, type Refusal } from "../../core/decision.ts";
import { nameOfWord, type PlacedWord, type Placements, type ResolvedKey } from "../../protocol/key-words.ts";
import type { MethodName } from "../../protocol/methods.ts";

/*
 * Keys that a client names from a directory of its own (`cwd`) become those of their scope before a handler sees them, and
 * locks without a scope get that of their request.
 */

type Fields = Readonly<Record<string, unknown>>;
/** What a request, or a lock, says of its keys: where they are read from, whose they are, and where that has its top. */
interface Around {
  cwd: unknown;
  scope: unknown;
  top: unknown;
}
interface From extends Around {
  cwd: string;
}
/** A key's word, where it is read from, and whose key it is said to be besides. */
type Word = PlacedWord & Pick<From, "scope">;
type PlaceWord = (word: Word) => ResolvedKey | null;

const nowhere: Around = { cwd: null, scope: null, top: null };

/** Who has a lock names it by what it was taken as, also where it would guard nothing by now. */
const naming: ReadonlySet<MethodName> = new Set([
  "HeartbeatResourceLock",
  "ReleaseResourceLock",
  "ForceReleaseResourceLock",
]);

/** Where keys, directories and scopes stand in a request's parameters. */
const bearing = ["cwd", "scope", "paths", "locks", "resource_key", "initial_nodes", "nodes"];

/** Whether a request may name anything at all: most do not, and are not looked into. */
export const mayBear = (params: unknown): boolean => isFields(params) && bearing.some((name) => name in params);

/** Whether any key of a request is read from a directory. */
export function readsFromDirectory(params: unknown): boolean {
  return bearers(params).some(({ cwd }) => typeof cwd === "string");
}

/** The scopes a request names. */
export function scopesOf(params: unknown): Set<string> {
  return new Set(bearers(params).flatMap(({ scope }) => (typeof scope === "string" ? [scope] : [])));
}

/** Everything in a request that may bear a directory or a scope: itself, its locks, and the resources of its nodes. */
function bearers(params: unknown): Fields[] {
  if (!isFields(params)) return [];
  const { locks, initial_nodes, nodes } = params;
  const resources = [...fieldsIn(initial_nodes), ...fieldsIn(nodes)].flatMap((node) => fieldsIn(node.resources));
  return [params, ...fieldsIn(locks), ...resources];
}

const fieldsIn = (list: unknown): Fields[] => (Array.isArray(list) ? list.filter(isFields) : []);

/** The words of a request that are read from a directory. */
export function wordsOf(params: unknown): PlacedWord[] {
  const words: PlacedWord[] = [];
  placeWords(params, ({ written, cwd }) => {
    words.push({ written, cwd });
    return null;
  });
  return words;
}

/** A word stands for nothing, would guard nothing, or has a scope as well; or there was no time to find out. */
type Unplaced = "INVALID_PARAMS" | "FILES_UNREACHABLE" | "SHUTTING_DOWN";

/** Parameters with all keys as the daemon knows them. */
export function withKeysPlaced(
  name: MethodName,
  params: unknown,
  placements: Placements | undefined,
): Decision<unknown, Unplaced> {
  const refusals: Refusal<Unplaced>[] = [];
  const placed = placeWords(params, (word) => {
    const found = keyOf(word, naming.has(name), placements);
    if (!("refused" in found)) return found;
    refusals.push(found);
    return null;
  });
  return refusals[0] ?? placed;
}

function keyOf(word: Word, isNamed: boolean, placements: Placements | undefined): Decision<ResolvedKey, Unplaced> {
  const facts = { resource_key: word.written, cwd: word.cwd };
  if (typeof word.scope === "string") {
    const message = `${JSON.stringify(word.written)} has both cwd and scope; cwd says where it is read from and so whose it is: leave one out`;
    return refuse("INVALID_PARAMS", message, facts);
  }
  const found = placements?.get(nameOfWord(word));
  if (found === undefined) return refuse("SHUTTING_DOWN", "the daemon is stopping and looks at no further path");
  if ("fault" in found) return refuse(found.late ? "FILES_UNREACHABLE" : "INVALID_PARAMS", found.fault, facts);
  if (found.guardsNothing === null || isNamed) return found;
  const message = `${JSON.stringify(word.written)} would guard nothing: ${found.guardsNothing}`;
  return refuse("INVALID_PARAMS", message, facts);
}

/**
 * Replaces keys wherever the contract has them, and gives every lock its scope: `""` is the global one. What the schemas
 * would refuse is left to them.
 */
function placeWords(params: unknown, place: PlaceWord): unknown {
  if (!isFields(params) || !mayBear(params)) return params;
  const { cwd, paths, ...rest } = params;
  const around: Around = { cwd, scope: rest.scope, top: rest.top };
  const placed: Record<string, unknown> = { ...rest, ...(isRead(around) ? placedKey(rest, around, place) : {}) };
  const locks = Array.isArray(paths) ? [...listed(rest.locks), ...paths.map(pathLock(isRead(around)))] : rest.locks;
  if (Array.isArray(locks)) placed.locks = locks.map((lock) => placedLock(lock, around, place));
  for (const list of ["initial_nodes", "nodes"]) {
    if (Array.isArray(rest[list])) placed[list] = rest[list].map((node) => placedNode(node, place));
  }
  return placed;
}

const listed = (locks: unknown): unknown[] => (Array.isArray(locks) ? locks : []);

/** A path alone, which is never a kind and its path; without a directory it is read from, it is a file's. */
const pathLock = (isRead: boolean) => (path: unknown) => {
  if (typeof path !== "string") return { resource_key: path, mode: "exclusive" };
  const read = path.startsWith("/") ? path : `./${path}`;
  return { resource_key: isRead ? read : `file:${path}`, mode: "exclusive" };
};

function placedNode(node: unknown, place: PlaceWord): unknown {
  if (!isFields(node) || !Array.isArray(node.resources)) return node;
  return { ...node, resources: node.resources.map((resource) => placedLock(resource, nowhere, place)) };
}

/** A lock is read from a directory of its own, else from the request's unless it names a scope. */
function placedLock(lock: unknown, around: Around, place: PlaceWord): unknown {
  if (!isFields(lock)) return lock;
  const { cwd, ...rest } = lock;
  const own: Around = { cwd, scope: rest.scope, top: rest.top };
  if (isRead(own)) return { ...rest, ...placedKey(rest, own, place) };
  if (typeof rest.scope === "string") return rest;
  if (isRead(around)) return { ...rest, ...placedKey(rest, around, place) };
  return { ...rest, scope: around.scope ?? "", top: rest.top ?? around.top };
}

function placedKey({ resource_key: written }: Fields, { cwd, scope }: From, place: PlaceWord): Fields {
  if (typeof written !== "string") return {};
  const found = place({ written, cwd, scope });
  if (found === null) return {};
  return { resource_key: found.resource_key, scope: found.scope ?? "", top: found.top };
}

const isRead = (around: Around): around is From => typeof around.cwd === "string";

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
