import { Disproved } from "../proof.ts";
import type { Line } from "./categories.ts";
import { Conversation } from "./conversation.ts";

const newline = Uint8Array.of(10);
/** Its answer tells where the answers to a batch end. */
const marker = Buffer.from('{"id":"the end of the batch","method":"Health"}\n');
const markerAnswer = '{"id":"the end of the batch","result":';
/** Nothing a client sends may be answered so. */
const bugs = new Set([
  "INTERNAL",
  "STORAGE_FAILED",
  "STORAGE_FULL",
  "OUTCOME_UNKNOWN",
  "SHUTTING_DOWN",
  "TOO_MANY_CONNECTIONS",
]);

/**
 * Sends lines and compares every answer with what is right for its line: one answer for each in order and none more,
 * then the end where a line closes the connection or the client ends its side without the last newline.
 * @throws {Disproved}
 */
export async function hold(socket: string, lines: readonly Line[], last: "marker" | "half-close"): Promise<void> {
  using conversation = await Conversation.open(socket);
  const closing = lines.findIndex(({ closes }) => closes === true);
  const sent = closing === -1 ? lines : lines.slice(0, closing + 1);
  const parts = sent.flatMap(({ bytes }) => [bytes, newline]);
  const ends = closing !== -1 || last === "half-close";
  if (ends) parts.pop();
  else parts.push(marker);
  conversation.send(Buffer.concat(parts));
  if (ends && closing === -1) conversation.endSending();
  for (const line of sent) if (line.blank !== true) judge(line, await conversation.line());
  await refuseMore(conversation, ends);
}

/** The same for lines that come in two pieces, the second of each with the first of the next, once that was answered. */
export async function holdInPieces(socket: string, lines: readonly Line[], batch: number): Promise<void> {
  using conversation = await Conversation.open(socket);
  let rest: Uint8Array = new Uint8Array(0);
  for (const [index, { bytes }] of lines.entries()) {
    const whole = Buffer.concat([bytes, newline]);
    const cut = (batch * lines.length + index) % whole.length;
    conversation.send(Buffer.concat([rest, whole.subarray(0, cut)]));
    const before = lines[index - 1];
    if (before !== undefined) judge(before, await conversation.line());
    rest = whole.subarray(cut);
  }
  conversation.send(Buffer.concat([rest, marker]));
  const last = lines.at(-1);
  if (last !== undefined) judge(last, await conversation.line());
  await refuseMore(conversation, false);
}

async function refuseMore(conversation: Conversation, ends: boolean): Promise<void> {
  const next = await conversation.line();
  const right = ends ? next === null : next?.startsWith(markerAnswer) === true;
  if (!right) throw new Disproved(`after the last answer came ${next === null ? "the end" : brief(next)}`);
}

function judge({ bytes, right }: Line, answer: string | null): void {
  const kind = answer === null ? "the end" : kindOf(answer);
  if (kind !== null && (right === null ? !bugs.has(kind) && answer !== null : right.includes(kind))) return;
  const got = answer === null ? "the end of the connection" : brief(answer);
  const line = JSON.stringify(Buffer.from(bytes).toString("latin1"));
  throw new Disproved(`the line ${brief(line)} got ${got}${right === null ? "" : `; right is ${right.join(" or ")}`}`);
}

/** The kind of an answer's error, `result` where it has none, null where it is no answer. */
function kindOf(answer: string): string | null {
  // Those that go through are long and many, and were made by JSON.stringify as all others.
  if (/^\{("id":[^{[]{0,80},)?"result":/.test(answer)) return "result";
  try {
    const { result, error } = JSON.parse(answer) as { result?: unknown; error?: { data?: { kind?: string } } };
    if ((result === undefined) === (error === undefined)) return null;
    return error === undefined ? "result" : (error.data?.kind ?? null);
  } catch {
    return null;
  }
}

const brief = (text: string): string => (text.length > 400 ? `${text.slice(0, 400)}…` : text);
