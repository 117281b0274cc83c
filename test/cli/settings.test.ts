import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { settings } from "../../src/protocol/settings.ts";
import { temporaryHome } from "../support/daemon.ts";

const own = { AGENTD_NODE_TIMEOUT_SECS: "7" };

describe("a daemon went by the settings of whichever shell started it, and nobody knew", () => {
  test("the command that starts it says so", async () => {
    await using home = await temporaryHome();
    const { exit, err } = await home.agentd(["task", "list"], { env: own });
    expect(exit).toBe(0);
    expect(err).toContain(
      "the daemon was started with AGENTD_NODE_TIMEOUT_SECS=7 of this shell; to keep that, write it to",
    );
  });

  test("the first command of a shell that gives others says where they differ, and programs are left alone", async () => {
    await using home = await temporaryHome();
    await home.agentd(["start"]);
    const differs = "AGENTD_NODE_TIMEOUT_SECS is 300 for the daemon and 7 here";
    expect((await home.agentd(["task", "list"], { env: own })).err).toContain(differs);
    expect((await home.agentd(["status"], { env: own })).err).toContain(differs);
    expect((await home.agentd(["start"], { env: own })).err).toContain(differs);
    expect(await home.agentd(["task", "list", "--json"], { env: own })).toMatchObject({ exit: 0, err: "" });
    expect((await home.agentd(["task", "list"], { env: { AGENTD_NODE_TIMEOUT_SECS: "soon" } })).err).toContain(
      'AGENTD_NODE_TIMEOUT_SECS is "soon"',
    );
    expect(await home.agentd(["task", "list"])).toMatchObject({ exit: 0, err: "" });
  });

  test("doctor of another shell sees it, until a restart; what stands in the file is the same for all", async () => {
    await using home = await temporaryHome();
    await home.agentd(["start"], { env: own });
    const before = await home.agentd(["doctor"]);
    expect(before.exit).toBe(1);
    expect(before.out).toContain("AGENTD_NODE_TIMEOUT_SECS is 7 for the daemon and 300 here");
    expect(before.out).toContain(`there is no ${home.path}/.env`);
    await writeFile(join(home.path, ".env"), "AGENTD_NODE_TIMEOUT_SECS=9\n", { mode: 0o600 });
    expect((await home.agentd(["status"])).err).toContain("is 7 for the daemon and 9 here");
    expect(await home.agentd(["restart"])).toMatchObject({ exit: 0 });
    const after = await home.agentd(["doctor"]);
    expect(after).toMatchObject({ exit: 0 });
    expect(after.out).toContain(`read, with ${home.path}/.env`);
  });

  test("every setting and every path is compared", async () => {
    await using home = await temporaryHome();
    await home.agentd(["start"]);
    const { settings: given } = await home.json<{ settings: Record<string, string> }>("health");
    expect(Object.keys(given)).toEqual(Object.values(settings).map(({ variable }) => variable));
    const elsewhere = { AGENTD_DATABASE_URL: `sqlite://${home.path}/other.db` };
    expect((await home.agentd(["doctor"], { env: elsewhere })).out).toContain("/other.db here");
  });
});
