import { closeSync, createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { openRegular } from "../native/read-file.ts";
import { ArchiveCheck } from "../protocol/chain.ts";
import { messageOf } from "./refusals.ts";

/** What was found in an archive of pruned rows. */
export interface ArchiveReport {
  ok: boolean;
  file: string;
  rows: number;
  first_seq: number | null;
  last_seq: number;
  /** Of the file; the journal it came from names it in its PRUNE_JOURNAL row. */
  sha256: string;
  fault: string | null;
}

/** Reads an archive from end to end and checks every row's hash; no daemon is asked. A file that cannot be read is a fault. */
export async function checkArchive(file: string): Promise<ArchiveReport> {
  const digest = new Bun.CryptoHasher("sha256");
  const check = new ArchiveCheck((text) => Bun.SHA256.hash(text, "hex"));
  let unreadable: string | null = null;
  try {
    const fd = openRegular(file);
    try {
      for await (const chunk of createReadStream("", { fd, autoClose: false, start: 0 }))
        digest.update(chunk as Buffer);
      for await (const line of unzippedLines(fd)) {
        check.read(line);
        if (check.fault !== null) break;
      }
    } finally {
      closeSync(fd);
    }
    check.end();
  } catch (error) {
    unreadable = messageOf(error);
  }
  const fault = check.fault ?? unreadable;
  const { rows, firstSeq, lastSeq } = check;
  return {
    ok: fault === null,
    file,
    rows,
    first_seq: firstSeq,
    last_seq: lastSeq,
    sha256: digest.digest("hex"),
    fault,
  };
}

/** A journal row; one of the largest request there can be, escaped. */
const lineCharsMax = 128 << 20;

/** Lines end with \n alone: a payload may hold what other readers of lines take for an end. */
async function* unzippedLines(fd: number): AsyncGenerator<string> {
  const source = createReadStream("", { fd, autoClose: false, start: 0 });
  const unzipped = createGunzip();
  source.on("error", (error) => unzipped.destroy(error));
  let parts: string[] = [];
  let chars = 0;
  for await (const chunk of source.pipe(unzipped).setEncoding("utf8") as AsyncIterable<string>) {
    const [first = "", ...more] = chunk.split("\n");
    parts.push(first);
    chars += first.length;
    // A few bytes may unpack to any length.
    if (chars > lineCharsMax) throw new Error(`a line has more than ${lineCharsMax} characters`);
    const last = more.pop();
    if (last === undefined) continue;
    yield parts.join("");
    yield* more;
    [parts, chars] = [[last], last.length];
  }
  const rest = parts.join("");
  if (rest !== "") yield rest;
}
