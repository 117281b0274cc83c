import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { name, version } from "../package.json";

const targets = {
  "linux-x64": "bun-linux-x64",
  "linux-x64-baseline": "bun-linux-x64-baseline",
  "linux-x64-musl": "bun-linux-x64-musl",
  "linux-arm64": "bun-linux-arm64",
  "darwin-x64": "bun-darwin-x64",
  "darwin-arm64": "bun-darwin-arm64",
} as const satisfies Record<string, Bun.Build.CompileTarget>;
type Target = keyof typeof targets;

const usage = `Builds ${name} as one executable.

  bun run build                    for this machine: dist/${name}
  bun run build --target TARGET    for another: dist/${name}-TARGET (may be repeated)
  bun run build --all              for every target

Targets: ${Object.keys(targets).join(", ")}`;

/** A build that was asked for wrongly or did not come out; the message is for the person at the terminal. */
class BuildRefused extends Error {}

const root = dirname(import.meta.dir);
const dist = join(root, "dist");

async function main(): Promise<void> {
  const wanted = readArguments();
  if (wanted === "help") return console.log(usage);
  const commit = await currentCommit();
  await mkdir(dist, { recursive: true });
  for (const target of wanted) await build(target, commit);
}

/** The targets asked for; `undefined` stands for this machine. */
function readArguments(): (Target | undefined)[] | "help" {
  const { help, all, target: asked } = parseStrictly();
  if (help) return "help";
  if (all && asked.length > 0) throw new BuildRefused(`--all and --target exclude each other\n\n${usage}`);
  const unknown = asked.find((target) => !isTarget(target));
  if (unknown !== undefined) throw new BuildRefused(`unknown target ${JSON.stringify(unknown)}\n\n${usage}`);
  if (all) return Object.keys(targets).filter(isTarget);
  return asked.length > 0 ? asked.filter(isTarget) : [undefined];
}

function parseStrictly() {
  try {
    const options = {
      help: { type: "boolean", short: "h", default: false },
      all: { type: "boolean", default: false },
      target: { type: "string", multiple: true, default: [] as string[] },
    } as const;
    return parseArgs({ args: Bun.argv.slice(2), options }).values;
  } catch (error) {
    throw new BuildRefused(`${(error as Error).message}\n\n${usage}`);
  }
}

function isTarget(text: string): text is Target {
  return Object.hasOwn(targets, text);
}

/** The abbreviated commit, marked when the tree differs from it; `unknown` outside a git checkout. */
async function currentCommit(): Promise<string> {
  // Without the ceiling, sources unpacked inside another repository would carry that one's commit.
  const environment = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(root) };
  const git = (...words: string[]) => Bun.$`git ${words}`.cwd(root).env(environment).nothrow().quiet();
  const head = await git("rev-parse", "--short=12", "HEAD");
  if (head.exitCode !== 0) return "unknown";
  const changes = await git("status", "--porcelain");
  return head.text().trim() + (changes.text() === "" ? "" : "-dirty");
}

async function build(target: Target | undefined, commit: string): Promise<void> {
  const executable = target === undefined ? name : `${name}-${target}`;
  // Built aside and renamed: nobody ever starts half a binary, and one that is running can be replaced.
  const aside = await mkdtemp(join(dist, "build-"));
  try {
    const outfile = join(aside, executable);
    await bundle(outfile, target, commit);
    if (target === undefined) await smokeRun(outfile, commit);
    await rename(outfile, join(dist, executable));
  } finally {
    await rm(aside, { recursive: true });
  }
  const megabytes = Bun.file(join(dist, executable)).size / 1e6;
  console.log(`dist/${executable}  ${megabytes.toFixed(1)} MB  ${version} (${commit})`);
}

async function bundle(outfile: string, target: Target | undefined, commit: string): Promise<void> {
  const result = await Bun.build({
    entrypoints: [join(root, "src/main.ts")],
    target: "bun",
    // Bytecode without ESM and splitting costs each command 15 ms more at start, or does not start at all.
    format: "esm",
    splitting: true,
    bytecode: true,
    minify: true,
    sourcemap: "linked",
    throw: false,
    define: {
      AGENTD_VERSION: JSON.stringify(version),
      AGENTD_COMMIT: JSON.stringify(commit),
      "process.env.NODE_ENV": '"production"',
    },
    compile: {
      ...(target && { target: targets[target] }),
      outfile,
      // 44 instead of 53 MB of memory after 60,000 requests, at the same speed.
      execArgv: ["--smol"],
      // A directory agentd happens to be started in must not configure it.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
  });
  // A warning counts: some builds that "succeed" with one make a binary that dies at start.
  if (!result.success || result.logs.length > 0) throw new BuildRefused(result.logs.map(String).join("\n"));
}

/** Starts the new binary, since a bundle may build and still not run. */
async function smokeRun(executable: string, commit: string): Promise<void> {
  for (const words of [["version", "--json"], ["--help"]]) {
    const run = await Bun.$`${executable} ${words}`
      .env({ AGENTD_HOME: dirname(executable), AGENTD_NO_START: "1" })
      .nothrow()
      .quiet();
    if (run.exitCode === 0 && (words[0] !== "version" || run.stdout.includes(commit))) continue;
    throw new BuildRefused(
      `the new binary does not run: "${name} ${words.join(" ")}" ended with ${run.exitCode}\n${run.stderr.toString()}`,
    );
  }
}

await main().catch((error: unknown) => {
  if (!(error instanceof BuildRefused)) throw error;
  console.error(error.message);
  process.exit(1);
});
