/** What became of a method that was let loose on a tree. */
export interface Hunt {
  /** Null where nothing was found; else the line that says what. */
  found: string | null;
  /** Whether it came to an end by itself. */
  ended: boolean;
  output: string;
}

/** So many stories or worlds are looked at until one finds the bug. */
const storiesMax = 3_000;
const worldsMax = 60;
const eventsPerWorld = 1_000;
/** No method may take longer. */
const huntMsMax = 75_000;

/** How a method says that it has found something. */
const signs = /^(?:\(fail\) .*|error: Property failed.*|Property failed.*|seed \d+ .*|[a-z-]+: BROKEN.*)$/m;

/** Those to be ended also when this process is told to end. */
const running = new Set<number>();
process.on("exit", () => {
  for (const pid of running) endGroup(pid);
});

/** Lets a proof, or a test file, look at the tree in a directory; it stops with the first thing it finds. */
export async function hunt(method: string, directory: string, seed: number): Promise<Hunt> {
  // In a session of its own, so that what it has started ends with it.
  const child = Bun.spawn([process.execPath, ...commandOf(method, seed)], {
    cwd: directory,
    env: { ...process.env, AGENTD_PROVE_DIRECTORY: directory },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  running.add(child.pid);
  let ended = true;
  const late = setTimeout(() => {
    ended = false;
    endGroup(child.pid);
  }, huntMsMax);
  const texts = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  clearTimeout(late);
  running.delete(child.pid);
  const output = texts.slice(0, 2).join("\n");
  const found = child.exitCode === 0 ? null : (signs.exec(output)?.[0] ?? null);
  return { found, ended, output };
}

function commandOf(method: string, seed: number): string[] {
  if (method === "model") return ["scripts/prove/model/tell.ts", String(seed), String(storiesMax), "first"];
  if (method === "simulation")
    return ["scripts/prove/simulation/simulate.ts", ...[seed, worldsMax, eventsPerWorld].map(String)];
  if (method.startsWith("test/")) return ["test", method, "--bail", "--timeout", "20000"];
  return ["scripts/prove.ts", "--only", method, "--quick", "--seed", String(seed)];
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
