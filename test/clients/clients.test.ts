import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freshBinary } from "../../scripts/demo/binary.ts";
import { startDaemon } from "../../scripts/demo/daemon.ts";
import { isUsable } from "../../scripts/programs.ts";

interface OriginalClient {
  language: string;
  /** What the machine must have to run it. */
  needs: readonly string[];
  /** Makes the command that runs the client; `directory` is there for what has to be compiled. */
  command(directory: string): Promise<string[]>;
}

const source = (name: string) => join(import.meta.dir, name);

const clients: readonly OriginalClient[] = [
  { language: "python", needs: ["python3"], command: async () => ["python3", source("python_client.py")] },
  { language: "node", needs: ["node"], command: async () => ["node", source("node_client.mjs")] },
  { language: "rust", needs: ["rustc"], command: compileRust },
  { language: "shell", needs: ["sh", "nc"], command: async () => ["sh", source("shell_client.sh")] },
];

async function compileRust(directory: string): Promise<string[]> {
  const executable = join(directory, "rust_client");
  const compiled = await run(["rustc", "--edition", "2021", "-o", executable, source("rust_client.rs")], {});
  expect(compiled).toEqual({ status: 0, output: "", complaint: "" });
  return [executable];
}

async function run(command: string[], environment: Record<string, string>) {
  const child = Bun.spawn(command, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
  });
  const texts = [new Response(child.stdout).text(), new Response(child.stderr).text()] as const;
  const [output, complaint] = await Promise.all(texts);
  return { status: await child.exited, output, complaint };
}

/** Says which language is not tested; where everything should be installed, lets the client run and fail instead. */
function isSkipped({ language, needs }: OriginalClient): boolean {
  const missing = needs.filter((program) => !isUsable(program));
  if (missing.length === 0 || process.env.CI === "true") return false;
  console.warn(`SKIPPED: the ${language} client, because ${missing.join(" and ")} cannot be used here`);
  return true;
}

/** The binary may have to be built, and the Rust client compiled. */
setDefaultTimeout(90_000);

describe("a client written for the original runs unchanged", () => {
  for (const client of clients) {
    test.skipIf(isSkipped(client))(`in ${client.language}`, async () => {
      const directory = mkdtempSync(join(tmpdir(), "agentd-client-"));
      try {
        await using daemon = await startDaemon(await freshBinary(), join(directory, "home"));
        const { status, output, complaint } = await run(await client.command(directory), {
          AGENTD_SOCKET_PATH: daemon.socket,
        });
        expect({ status, complaint }).toEqual({ status: 0, complaint: "" });
        expect(output).toMatch(new RegExp(`^\\{"client": ?"${client.language}", ?"ok": ?true, ?"checks": ?\\d+\\}\n$`));
        expect((await daemon.client.call("VerifyJournal", {})).ok).toBe(true);
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  }
});
