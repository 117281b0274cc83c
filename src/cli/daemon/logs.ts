import { command } from "../command.ts";
import { Failure } from "../exits.ts";
import { isHeard, printLine, printLive } from "../output.ts";
import { readWhole } from "../values.ts";

const pollMs = 200;
/** The end of the log that is looked at for its last lines. */
const tailBytesMax = 1 << 20;

export const logs = command({
  args: {
    follow: { type: "boolean", alias: "f", description: "wait for more until Ctrl-C, which ends it with status 130" },
    lines: { type: "string", alias: "n", valueHint: "N", description: "how many of the last lines (50)" },
  },
  examples: [
    ["logs", "the last 50 lines"],
    ["logs -f -n 5", "follow it, across rotations"],
  ],
  notes: "Reads the file in agentd's directory; a daemon in the foreground logs to its terminal instead.",
  async run({ follow, lines }, session) {
    const { log } = (await session.locate()).paths;
    const wanted = lines === undefined ? 50 : readWhole(lines, "lines");
    const found = await Bun.file(log)
      .stat()
      .catch(() => null);
    if (found?.isFile() === false)
      throw new Failure("UNUSABLE_FILE", `the log ${log} is not a regular file; move it away`);
    if (found === null) {
      if (follow !== true) throw new Failure("FOUND_A_PROBLEM", `there is no log at ${log} yet`);
    } else if (wanted > 0) {
      const tail = await lastLines(log, wanted);
      if (tail !== "") printLine(tail);
    }
    if (follow === true) await followFile(log);
  },
});

async function lastLines(path: string, count: number): Promise<string> {
  const file = Bun.file(path);
  const text = await file.slice(Math.max(0, file.size - tailBytesMax)).text();
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

/** Prints what is added to a file; one that is shorter than before, or another one, is read from its beginning. */
async function followFile(path: string): Promise<void> {
  let seen = await sizeAndIdentity(path);
  while (await isHeard()) {
    await Bun.sleep(pollMs);
    const now = await sizeAndIdentity(path);
    const offset = now.identity === seen.identity && now.size >= seen.size ? seen.size : 0;
    const added = now.size > offset ? await Bun.file(path).slice(offset, now.size).text() : "";
    if (added !== "") await printLive(added.replace(/\n$/, ""));
    seen = now;
  }
}

/** File systems give a removed file's inode number to the next one at once, so its birth tells them apart. */
async function sizeAndIdentity(path: string): Promise<{ size: number; identity: string }> {
  try {
    const { size, ino, birthtimeMs } = await Bun.file(path).stat();
    return { size, identity: `${ino} ${birthtimeMs}` };
  } catch {
    return { size: 0, identity: "" };
  }
}
