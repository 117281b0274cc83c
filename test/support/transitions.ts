import * as v from "valibot";
import type { JournalRow } from "../../src/core/journal/journal.ts";
import { Replay } from "../../src/core/journal/replay.ts";
import { kindOf, transitionRow } from "../../src/protocol/transitions.ts";
import type { Store } from "../../src/store/store.ts";

/** The journal of a service that has not written more than some thousand rows. */
export const rowsOf = ({ store }: { store: Store }): JournalRow[] =>
  store.reads.journal.page({ taskId: null, nodeId: null, actionTypes: null }, 0, {
    limit: rowsMax,
    scanMax: rowsMax,
    scanCharsMax: 1 << 24,
    payloadCharsMax: 1 << 24,
  }).rows;
const rowsMax = 10_000;

/** What of rows the table of transitions does not say, a line each. Rows of clients' own may tell anything. */
export function undescribed(rows: readonly JournalRow[]): string[] {
  const replay = new Replay((text) => text);
  return rows.flatMap((row) => {
    const before = statuses(replay);
    replay.apply(row);
    const told = [...faultsOf(row), ...movesNotOf(row, before, statuses(replay))];
    return told.map((fault) => `row ${row.seq} ${row.actionType}: ${fault}`);
  });
}

function faultsOf({ id, taskId, nodeId, actionType, origin, payload }: JournalRow): string[] {
  const kind = kindOf(actionType, origin);
  // A client may call its own events what it likes, but they are of a node.
  if (kind === undefined || (origin === "client" && nodeId !== null)) return [];
  const { payload: schema, subject, isEvent } = transitionRow(kind);
  const read = v.safeParse(schema, payload);
  const expectsId = isEvent === "always" || (isEvent === "of a node" && nodeId !== null);
  return [
    ...(read.success ? [] : read.issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`)),
    // What the schema does not name it leaves out.
    ...(Bun.deepEquals(read.output, payload, true) ? [] : [`more than its schema: ${JSON.stringify(payload)}`]),
    ...((id !== null) === expectsId ? [] : [`its id is ${id}`]),
    ...((subject === "task" || subject === "node") && taskId === null ? ["it is of no task"] : []),
    ...(subject === "node" && nodeId === null ? ["it is of no node"] : []),
  ];
}

const statuses = ({ nodes }: Replay) => new Map(Array.from(nodes, ([id, { status }]) => [id, status]));

type Statuses = ReturnType<typeof statuses>;

/** Moves that its kind does not make. */
function movesNotOf(row: JournalRow, before: Statuses, after: Statuses): string[] {
  const moved = movesIn(before, after);
  const kind = kindOf(row.actionType, row.origin);
  const known = kind === undefined ? [] : transitionRow(kind).moves.map(([from, to]) => `${from} -> ${to}`);
  return moved.filter((move) => !known.includes(move)).map((move) => `it moves a node ${move}`);
}

function movesIn(before: Statuses, after: Statuses): string[] {
  return Array.from(before).flatMap(([id, from]) => (after.get(id) === from ? [] : [`${from} -> ${after.get(id)}`]));
}

/** Which moves each kind makes, in rows that can be replayed: `FAIL_NODE RUNNING -> FAILED`. */
export function movesMade(rows: readonly JournalRow[]): Set<string> {
  const replay = new Replay((text) => text);
  const made = new Set<string>();
  for (const row of rows) {
    const before = statuses(replay);
    replay.apply(row);
    for (const move of movesIn(before, statuses(replay))) made.add(`${row.actionType} ${move}`);
  }
  return made;
}
