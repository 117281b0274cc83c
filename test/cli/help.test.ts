import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { helpPage } from "../../src/cli/help/page.ts";
import { commands } from "../../src/cli/commands.ts";
import { checkGolden } from "../support/golden.ts";
import { rejectionOf } from "../support/rejection.ts";

const pages = ["", "task", "node", "event", "lock", "guard", "bundle", ...Object.keys(commands)];

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

  test.each(Object.getOwnPropertyNames(Object.prototype))("knows no command %s, as objects have it", async (name) => {
    expect((await rejectionOf(helpPage([name]))).message).toContain(`there is no command ${name}`);
  });

  test("of what is no command names the nearest", async () => {
    expect((await rejectionOf(helpPage(["task", "lst"]))).message).toContain(
      "there is no command task lst (did you mean task list?)",
    );
  });
});
