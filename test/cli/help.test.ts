import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { helpPage } from "../../src/cli/help/page.ts";
import { commands, shownCommands } from "../../src/cli/commands.ts";
import { checkGolden } from "../support/golden.ts";
import { rejectionOf } from "../support/rejection.ts";

const families = [
  ...new Set(shownCommands.filter((name) => name.includes(" ")).map((name) => name.split(" ")[0] ?? "")),
];
const pages = ["", ...families, ...Object.keys(commands)];

describe("the help page", () => {
  test.each(pages)("of `agentd %s` is the one kept", async (name) => {
    const file = `${name === "" ? "agentd" : name.replaceAll(" ", "-")}.txt`;
    await checkGolden(join(import.meta.dir, "golden", file), `${await helpPage(name.split(" ").filter(Boolean))}\n`);
  });

  test.each(Object.keys(commands))("of `agentd %s` begins with examples that it understands", async (name) => {
    const lines = (await helpPage(name.split(" "))).split("\n");
    expect(lines[2]).toBe("Examples:");
    expect(lines[3]).toStartWith(`  agentd ${name}`);
  });

  test.each(families)("of `agentd %s` has an example of each of its commands", async (family) => {
    const [, shown = ""] = /^Examples:\n((?: {2}.*\n)+)/m.exec(await helpPage([family])) ?? [];
    const own = shownCommands.filter((name) => name.startsWith(`${family} `));
    expect(shown.split("\n").filter((line) => own.some((name) => line.startsWith(`  agentd ${name} `)))).toHaveLength(
      own.length,
    );
  });

  test.each(Object.getOwnPropertyNames(Object.prototype))("knows no command %s, as objects have it", async (name) => {
    expect((await rejectionOf(helpPage([name]))).message).toContain(`there is no command ${name}`);
  });

  test("of what is no command names the nearest", async () => {
    expect((await rejectionOf(helpPage(["task", "lst"]))).message).toContain(
      "there is no command task lst (did you mean task list?)",
    );
  });
});
