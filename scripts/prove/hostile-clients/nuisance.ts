import { join } from "node:path";
import { Disproved } from "../proof.ts";

/** A process that behaves badly towards a daemon. */
export interface Nuisance extends AsyncDisposable {
  /** The next line it prints. */
  says(): Promise<string>;
  /** Kills it with -9, as whatever it does then. */
  kill(): Promise<void>;
}

const running = new Set<{ kill(signal: "SIGKILL"): void }>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Lets a client loose that behaves as client.py can. */
export function letLoose(socket: string, how: string, ...words: (string | number)[]): Nuisance {
  const child = Bun.spawn(["python3", join(import.meta.dir, "client.py"), socket, how, ...words.map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(child);
  const lines = linesOf(child.stdout);
  const kill = async () => {
    child.kill("SIGKILL");
    await child.exited;
    running.delete(child);
  };
  return {
    kill,
    async says() {
      const { value, done } = await lines.next();
      if (done === true) throw new Disproved(`the client that was to be ${how} ended without a word`);
      return value;
    },
    [Symbol.asyncDispose]: kill,
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}
