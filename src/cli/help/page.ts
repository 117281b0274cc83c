import type { ArgsDef } from "citty";
import { version } from "../../protocol/version.ts";
import { globalArgs, isRepeatable, placeholder } from "../arguments.ts";
import type { Command, Example } from "../command.ts";
import { exits, Failure } from "../exits.ts";
import { suggest } from "../../protocol/nearest.ts";
import { columns } from "../text.ts";
import { commandNamed, commands, familyOf, shownCommands } from "../commands.ts";
import { present } from "../../protocol/present.ts";

/** The help page of a command, of a family such as `task`, or of agentd itself. */
export async function helpPage(words: readonly string[]): Promise<string> {
  const name = words.join(" ");
  if (name === "") return overview();
  const row = commandNamed(name);
  if (row !== undefined) return commandPage(name, row.summary, await row.load());
  if (words.length === 1 && familyOf(name).length > 0) return familyPage(name);
  throw new Failure("USAGE", `there is no command ${name}${suggest(name, shownCommands)}; see: agentd --help`);
}

function overview(): string {
  const examples: Example[] = [
    ["task register plan.yaml", "store a task; the daemon starts by itself"],
    ["node acquire 0197f3a2 --owner codex-1", "take its next runnable node"],
    ["run --task 0197f3a2 --all -- ./solve.sh", "let a script do all of them"],
    ["task status 0197f3a2", "see who works on what"],
    ["doctor", "find out what is wrong"],
  ];
  return page([
    [`agentd ${version}: one source of truth for the coding agents on this machine`],
    ["Examples:", ...exampleLines(examples)],
    ["Usage: agentd COMMAND [ARGUMENTS] [OPTIONS]", "       agentd                 the same as: agentd serve"],
    ["Commands:", ...commandLines(shownCommands), "", "Help for one: agentd help COMMAND"],
    ["Options of every command:", ...optionLines(globalArgs)],
    exitLines(),
  ]);
}

async function familyPage(family: string): Promise<string> {
  const names = familyOf(family).map((second) => `${family} ${second}`);
  const loaded = await Promise.all(names.map((name) => present(commands[name], "command", name).load()));
  return page([
    ["Examples:", ...exampleLines(loaded.flatMap(({ examples }) => examples.slice(0, 1)))],
    [`Usage: agentd ${family} COMMAND [ARGUMENTS] [OPTIONS]`],
    ["Commands:", ...commandLines(names), "", `Help for one: agentd help ${family} COMMAND`],
  ]);
}

function commandPage(name: string, summary: string, { args, examples, notes, takesCommand }: Command): string {
  const positionals = Object.entries(args).filter(([, arg]) => arg.type === "positional");
  const words = positionals.map(([word, arg]) => {
    const shown = `${placeholder(word)}${isRepeatable(arg) ? "..." : ""}`;
    return arg.required === true ? shown : `[${shown}]`;
  });
  const own = Object.fromEntries(Object.entries(args).filter(([, arg]) => arg.type !== "positional"));
  return page([
    [`agentd ${name}: ${summary}`],
    ["Examples:", ...exampleLines(examples)],
    [`Usage: ${["agentd", name, ...words, "[OPTIONS]", ...(takesCommand ? ["-- CMD [ARGUMENTS]"] : [])].join(" ")}`],
    notes === "" ? [] : [notes],
    section(
      "Arguments:",
      indent(columns(positionals.map(([word, arg]) => [placeholder(word), arg.description ?? ""]))),
    ),
    section("Options:", optionLines(own)),
    section("Options of every command:", optionLines(globalArgs)),
    exitLines(),
  ]);
}

function page(sections: readonly (readonly string[])[]): string {
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function exampleLines(examples: readonly Example[]): string[] {
  return indent(columns(examples.map(([line, purpose]) => [`agentd ${line}`.trimEnd(), `# ${purpose}`])));
}

function commandLines(names: readonly string[]): string[] {
  return indent(columns(names.map((name) => [name, present(commands[name], "command", name).summary])));
}

function optionLines(args: ArgsDef): string[] {
  return indent(columns(Object.entries(args).map(([name, arg]) => [optionShown(name, arg), optionMeaning(arg)])));
}

function optionShown(name: string, arg: ArgsDef[string]): string {
  const alias = "alias" in arg && arg.alias !== undefined ? `-${[arg.alias].flat().join(", -")}, ` : "";
  return arg.type === "boolean" ? `${alias}--${name}` : `${alias}--${name} ${arg.valueHint ?? "VALUE"}`;
}

function optionMeaning(arg: ArgsDef[string]): string {
  const choices = "options" in arg && arg.options !== undefined ? ` (${arg.options.join(", ")})` : "";
  const required = arg.required === true ? " (required)" : "";
  return `${arg.description ?? ""}${choices}${required}`;
}

function exitLines(): string[] {
  return ["Exit status:", ...Object.entries(exits).map(([status, meaning]) => `  ${status}  ${meaning}`)];
}
