import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const demo = join(import.meta.dir, "..", "..", "scripts", "demo.ts");

/** What the demo needs beside Bun, python3 and nc. */
const essentials = ["sh", "git", "sed", "grep", "sleep", "mktemp", "rm", "cat", "mv", "node"];

/** Runs the demo with a TMPDIR of its own, so that what it leaves there shows. */
function startDemo(environment: Record<string, string> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "demo-test-"));
  const child = Bun.spawn([process.execPath, demo], {
    env: { ...process.env, ...environment, TMPDIR: directory },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const clear = () => rmSync(directory, { recursive: true });
  return { child, directory, [Symbol.dispose]: clear };
}

/** Processes the demo said it started that are still there. */
function survivors(output: string): number[] {
  const pids = [...output.matchAll(/▸ agentd (\d+) listens|process (\d+)$/gm)].map((match) =>
    Number(match[1] ?? match[2]),
  );
  expect(pids.length).toBe(4);
  return pids.filter(isAlive);
}

/** A directory for PATH with links to these programs and nothing else. */
function toolsOnly(programs: readonly string[]) {
  const path = mkdtempSync(join(tmpdir(), "demo-tools-"));
  for (const program of programs) {
    const found = Bun.which(program);
    if (found !== null) symlinkSync(found, join(path, program));
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Far above what the demo takes: it says itself what went wrong after a minute. */
setDefaultTimeout(90_000);

describe("the demo", () => {
  test("lets three workers finish the task although one is killed, merges what goes together, and leaves nothing behind", async () => {
    using run = startDemo();
    const [output, complaint] = await Promise.all([
      new Response(run.child.stdout).text(),
      new Response(run.child.stderr).text(),
    ]);
    expect({ status: await run.child.exited, complaint }).toEqual({ status: 0, complaint: "" });
    expect(output).toMatch(/kill -9 \d+: \w+ dies in mid-work/);
    expect(output).toMatch(/was not heard of: its node is rolled back/);
    expect(output).toMatch(/result arrives after all and is refused, (LEASE_LOST|INVALID_STATE):/);
    expect(output).toMatch(/COMPLETED/);
    expect(output).toMatch(/▸ git log --oneline.*\n(?:[0-9a-f]{7,} .*\n){8}/);
    expect(output).toMatch(/\n 6 pass\n 0 fail\n/);
    expect(output).toMatch(/▸ agentd bundle compare .*\nA .*\nB .*\nC .*\nD .*\nE /);
    expect(output).toContain("2 of 5 bundles merged onto main: branch merged at ");
    for (const [summary, why] of [
      ["Every amount but one and zero takes a plural", "it conflicts in src/format.ts with "],
      ["Prepare version 0.3.0", "it is stale: "],
      ["A pound is about 454 grams", "its verification failed: "],
    ])
      expect(output).toMatch(new RegExp(`rejected {4}.* {2}${summary}\n {14}${why}`));
    expect(output).toMatch(/\n 8 pass\n 0 fail\n/);
    expect(output).toMatch(/▸ agentd verify\nclean: /);
    expect(output).toMatch(/\ndone: 8 nodes, 3 workers; (\w+) was killed, (?!\1)\w+ took over/);
    expect(readdirSync(run.directory)).toEqual([]);
    expect(output).toMatch(/ locks file:\S+\n/);
    expect(output).not.toMatch(/undefined|null|NaN|\[object/);
    expect(survivors(output)).toEqual([]);
  });

  test.each(["takes the node", "features.yaml", "bundle compare"])(
    "leaves nothing behind when interrupted at %s",
    async (moment) => {
      using run = startDemo();
      let output = "";
      for await (const chunk of run.child.stdout.pipeThrough(new TextDecoderStream())) {
        if (!output.includes(moment) && (output + chunk).includes(moment)) run.child.kill("SIGINT");
        output += chunk;
      }
      expect(await new Response(run.child.stderr).text()).toBe("demo: stopped by SIGINT\n");
      expect(await run.child.exited).toBe(1);
      expect(readdirSync(run.directory)).toEqual([]);
      expect(survivors(output)).toEqual([]);
    },
  );

  test("replaces what cannot be used, python3 and nc, and says so", async () => {
    using tools = toolsOnly(essentials);
    using run = startDemo({ PATH: tools.path });
    const [output, complaint] = await Promise.all([
      new Response(run.child.stdout).text(),
      new Response(run.child.stderr).text(),
    ]);
    expect({ status: await run.child.exited, complaint }).toEqual({ status: 0, complaint: "" });
    expect(output).toContain("python3 cannot be used here: a second JavaScript worker takes its place");
    expect(output).toContain("nc cannot be used here: the shell worker uses the agentd command instead");
    expect(output).toMatch(/ shell +\w+ +takes the node/);
  });
});
