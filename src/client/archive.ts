import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
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
    const source = createReadStream(file);
    source.on("data", (chunk) => digest.update(chunk));
    const unzipped = createGunzip();
    source.on("error", (error) => unzipped.destroy(error));
    // Lines end with \n alone: a payload may hold what other readers of lines take for an end.
    let rest = "";
    for await (const chunk of source.pipe(unzipped).setEncoding("utf8")) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) check.read(line);
    }
    if (rest !== "") check.read(rest);
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
