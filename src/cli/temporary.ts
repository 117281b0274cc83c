import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../client/refusals.ts";
import { Failure } from "./exits.ts";

/**
 * Makes a directory for temporary files, to be removed by the caller.
 * @throws {Failure} NOT_STARTED where none can be made.
 */
export async function temporaryDirectory(prefix: string): Promise<string> {
  const parent = tmpdir();
  try {
    return await mkdtemp(join(parent, prefix));
  } catch (cause) {
    const advice = "set TMPDIR to a directory that exists and can be written to";
    throw new Failure(
      "NOT_STARTED",
      `no temporary directory can be made in ${parent} (${messageOf(cause)}); ${advice}`,
    );
  }
}
