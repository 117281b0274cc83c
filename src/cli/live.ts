import { forOutput } from "./streams.ts";

/**
 * Prints one line of an output without end; false once nobody reads it any more, as after `| head`. console.log
 * would not tell.
 */
export async function printLive(line: string): Promise<boolean> {
  try {
    await Bun.write(Bun.stdout, `${forOutput(line)}\n`);
    return true;
  } catch (cause) {
    if ((cause as { code?: string }).code === "EPIPE") return false;
    throw cause;
  }
}
