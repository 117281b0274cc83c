import { join } from "node:path";
import type { Load } from "./load.ts";
import type { Measured } from "./statistics.ts";

const here = import.meta.dir;

/** Compiles one of this folder's programs just as agentd itself is compiled. */
export async function compile(program: string, outfile: string): Promise<string> {
  const result = await Bun.build({
    entrypoints: [join(here, program)],
    target: "bun",
    format: "esm",
    splitting: true,
    bytecode: true,
    minify: true,
    throw: false,
    compile: {
      outfile,
      execArgv: ["--smol"],
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
  });
  if (!result.success) throw new Error(`${program} does not compile:\n${result.logs.map(String).join("\n")}`);
  return outfile;
}

/** Runs the load generator in a process of its own. */
export async function generate(load: Load): Promise<Measured> {
  return JSON.parse(await outputOf([process.execPath, join(here, "load.ts"), JSON.stringify(load)])) as Measured;
}

/** Commits bare rows to a database of its own at `path`, one a transaction. */
export async function commitBare(path: string, payload: string, measureMs: number): Promise<Measured> {
  const words = [path, payload, String(measureMs)];
  return JSON.parse(await outputOf([process.execPath, join(here, "commits.ts"), ...words])) as Measured;
}

async function outputOf(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "inherit"] });
  const output = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${command.slice(0, 2).join(" ")} ended with ${child.exitCode}`);
  return output;
}
