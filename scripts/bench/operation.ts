/**
 * What a client does over and over: it yields the requests it sends at once, is given all of their answers together, and
 * goes on to the next. Its return ends the operation.
 */
export type Operation = () => Generator<readonly Buffer[], void, Buffer>;

/** How the answers of a kind of server are told apart in what its socket gives. */
export interface Wire {
  /**
   * Where the answer that begins at `from` ends, null while the rest of it has not come.
   * @throws when it is a refusal.
   */
  endOf(bytes: Buffer, from: number): number | null;
}

/** Whether so many answers have come whole. */
export function areWhole(wire: Wire, bytes: Buffer, answers: number): boolean {
  let end: number | null = 0;
  for (let n = 0; n < answers && end !== null; n++) end = wire.endOf(bytes, end);
  return end !== null;
}
