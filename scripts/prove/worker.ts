import { Disproved } from "./proof.ts";

/** Those to be ended also when this process is told to end. */
const running = new Set<{ kill(signal: "SIGKILL"): void }>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Runs one of our scripts in a process of its own; the JSON it prints at its end.
 *
 * @throws {Disproved} with what it says when it fails
 */
export async function inWorker<Outcome>(script: string, args: readonly string[]): Promise<Outcome> {
  const child = Bun.spawn([process.execPath, script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const [told, complaint, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  running.delete(child);
  if (status !== 0) throw new Disproved(complaint.trim() || `${script} ended with ${child.signalCode ?? status}`);
  return JSON.parse(told) as Outcome;
}
