import { statSync } from "node:fs";
import { present } from "../protocol/present.ts";

/** Where Linux keeps the image of whoever asks, also once its file was removed. */
const ownImage = "/proc/self/exe";

/** What Bun.spawn runs, and what it is called in lists of processes. */
interface Run {
  cmd: string[];
  argv0: string;
}

/**
 * Runs this very image again, whatever has become of its file since: an upgrade removes or replaces it under a worker that
 * runs for days. `program` is the command by its path. Only Linux can run an image whose file is gone; elsewhere the path
 * is all there is.
 */
export function runningImage([executable = "", ...given]: readonly string[], ...words: string[]): Run {
  const image = identityOf(ownImage);
  const isMoved = image !== undefined && image !== identityOf(executable);
  return { cmd: [isMoved ? ownImage : executable, ...given, ...words], argv0: executable };
}

/** Runs what is installed at the program's path, which after an upgrade is newer than this image; this image where nothing is. */
export function installedProgram(program: readonly string[], ...words: string[]): Run {
  const executable = present(program[0], "the program of agentd");
  if (identityOf(executable) === undefined) return runningImage(program, ...words);
  return { cmd: [...program, ...words], argv0: executable };
}

/** What tells a file from any other; undefined where there is none. */
function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? undefined : `${found.dev} ${found.ino}`;
}
