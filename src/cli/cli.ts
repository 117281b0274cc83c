import { globalArgs, readValues, splitArguments, type SplitArguments, takesValue } from "./arguments.ts";
import type { Command } from "./command.ts";
import { type Exit, Failure } from "./exits.ts";
import { suggest } from "../protocol/nearest.ts";
import { checkOutput, printLine } from "./output.ts";
import { reportFailure } from "./failures.ts";
import { printAside } from "./streams.ts";
import { type Globals, type Host, Session } from "./session.ts";
import { commandNamed, familyOf, shownCommands } from "./commands.ts";

/**
 * Runs one command line and gives its exit status. Results go to standard output, everything else to standard error.
 * Without a command, agentd serves, as the original did.
 */
export async function runCli(argv: readonly string[], host: Host): Promise<Exit> {
  const json = argv.includes("--json") && !argv.slice(0, argv.indexOf("--json")).includes("--");
  const report = (cause: unknown) => reportFailure(cause, json);
  const exit = await dispatch(argv, host).catch(report);
  try {
    checkOutput();
    return exit;
  } catch (cause) {
    return report(cause);
  }
}

async function dispatch(argv: readonly string[], host: Host): Promise<Exit> {
  const { name, tokens } = findCommand(argv);
  if (name === undefined) return showHelp([], true);
  const row = commandNamed(name);
  if (row === undefined) return showHelp([name], splitArguments(tokens, globalArgs).options.has("help"));
  return run(name, await row.load(), tokens, host);
}

function text(value: string | true | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

async function run(name: string, command: Command, tokens: readonly string[], host: Host): Promise<Exit> {
  const given = splitArguments(tokens, { ...command.args, ...globalArgs });
  if (given.options.has("help")) return showHelp(name.split(" "), true);
  const globals = takeGlobals(given);
  const values = readValues(given, command.args, command.takesCommand);
  using session = new Session(globals, host, helpPage);
  return await command.run(values, session);
}

/**
 * The command the words name, and every other token. Options every command takes may stand before it. A family alone
 * (`agentd task`) is a name without a row.
 * @throws {Failure} USAGE for a command that does not exist.
 */
function findCommand(argv: readonly string[]): { name: string | undefined; tokens: string[] } {
  const words: string[] = [];
  const tokens: string[] = [];
  const left = [...argv];
  for (let token = left.shift(); token !== undefined; token = left.shift()) {
    if (token.startsWith("-")) {
      const { options } = splitArguments([token, ...left.slice(0, 1)], globalArgs);
      tokens.push(token);
      const [option] = options.keys();
      if (option !== undefined && takesValue(globalArgs, option) && !token.includes("="))
        tokens.push(...left.splice(0, 1));
      continue;
    }
    words.push(token);
    const name = words.join(" ");
    if (commandNamed(name) !== undefined) return { name, tokens: [...tokens, ...left] };
    const family = familyOf(name);
    if (family.length === 0) throw unknownCommand(words);
  }
  if (words.length > 0) return { name: words.join(" "), tokens };
  const asks = splitArguments(tokens, globalArgs).options;
  if (asks.has("version")) return { name: "version", tokens };
  return { name: asks.has("help") ? undefined : "serve", tokens };
}

function unknownCommand(words: readonly string[]): Failure {
  const [first = "", second] = words;
  if (second === undefined) {
    const firstWords = new Set(shownCommands.map((name) => name.split(" ")[0] ?? name));
    return new Failure("USAGE", `there is no command ${first}${suggest(first, firstWords)}; see: agentd --help`);
  }
  const hint = suggest(second, familyOf(first), `${first} `);
  return new Failure("USAGE", `there is no command ${first} ${second}${hint}; it can be ${familyOf(first).join(", ")}`);
}

/** Takes the options of every command out of `given`, so that the command sees only its own. */
function takeGlobals({ options }: SplitArguments): Globals {
  const take = (name: keyof typeof globalArgs) => {
    const value = options.get(name);
    options.delete(name);
    return value;
  };
  take("version");
  const get = text(take("get"));
  return {
    get,
    // Who asks for a field is a program too.
    json: take("json") === true || get !== undefined,
    noStart: take("no-start") === true,
    at: { cwd: workingDirectory(), home: text(take("home")), socket: text(take("socket")) },
  };
}

/** @throws {Failure} NOT_STARTED when it was removed: nothing can be found from there. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    throw new Failure("NOT_STARTED", "the working directory was removed; change to one that exists");
  }
}

async function helpPage(words: readonly string[]): Promise<string> {
  return (await import("./help/page.ts")).helpPage(words);
}

/** Half a command, such as `agentd task`, gets its help as well, but is a mistake unless help was asked for. */
async function showHelp(words: readonly string[], asked: boolean): Promise<Exit> {
  const page = await helpPage(words);
  if (!asked) {
    printAside(page);
    return 2;
  }
  printLine(page);
  return 0;
}
