import { describe, expect, test } from "bun:test";
import { lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  agentCommand,
  agentState,
  installAgent,
  uninstallAgent,
  type WorkTree,
} from "../../src/cli/guard/agent-file.ts";
import { agents } from "../../src/cli/guard/agents.ts";
import type { Agent } from "../../src/cli/guard/agents/agent.ts";
import { rejectionOf } from "../support/rejection.ts";
import { type Directory, program, temporaryDirectory } from "./world.ts";

const every = Object.entries(agents);
const sharing = every.filter(([, { file }]) => file.kind === "shared");

interface Place extends Directory, WorkTree {}

/** A work tree's top, and beside it a git directory; no git is needed for these. */
async function temporaryPlace(): Promise<Place> {
  const directory = await temporaryDirectory();
  const place = { top: join(directory.path, "top"), gitDirectory: join(directory.path, "git") };
  await Promise.all([mkdir(place.top), mkdir(place.gitDirectory)]);
  return { ...directory, ...place };
}

async function given(place: Place, agent: Agent, text: string): Promise<string> {
  const path = join(place.top, agent.file.path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

describe.each(every)("the hooks of %s", (name, agent) => {
  test("go into a file of its own making, and out again without a trace", async () => {
    await using place = await temporaryPlace();
    expect(await agentState(name, agent, place, ["/a/agentd"])).toMatchObject({ state: "missing", program: null });
    expect(await installAgent(name, agent, place, ["/a/agentd"])).toBe("installed");
    expect(await agentState(name, agent, place, ["/a/agentd"])).toMatchObject({
      state: "installed",
      program: "/a/agentd",
    });
    expect(await installAgent(name, agent, place, ["/a/agentd"])).toBe("unchanged");
    expect(await agentState(name, agent, place, ["/b/agentd"])).toMatchObject({ state: "outdated" });
    expect(await installAgent(name, agent, place, ["/b/agentd"])).toBe("updated");
    expect(await agentState(name, agent, place, ["/b/agentd"])).toMatchObject({ state: "installed" });
    expect(await uninstallAgent(name, agent, place)).toBe("removed");
    expect(await readdir(place.top)).toEqual([]);
    expect(await uninstallAgent(name, agent, place)).toBe("missing");
  });
});

describe.each(sharing)("a settings file of %s that is there", (name, agent) => {
  const member = agent.file.kind === "shared" ? (agent.file.entries("")[0]?.list ?? []) : [];
  const [first = "", second = ""] = member;
  test.each([
    ["with other settings", '{\n    "model": "x",\n    "n": 1.0\n}\n'],
    ["without any", "{ }"],
    ["that is empty", ""],
    ["with an empty list of hooks", `{"${first}":{"${second}":[]}}\n`],
    ["with other hooks", `{\n\t"version": 1,\n\t"${first}": {\n\t\t"${second}": [{"command": "mine"}]\n\t}\n}\n`],
  ])("%s has its bytes and its mode again", async (_name, text) => {
    await using place = await temporaryPlace();
    const path = await given(place, agent, text);
    const { mode } = await lstat(path);
    await installAgent(name, agent, place, ["/a/agentd"]);
    expect(await agentState(name, agent, place, ["/a/agentd"])).toMatchObject({ state: "installed" });
    for (const word of text.match(/\w+/g) ?? []) expect(await readFile(path, "utf8")).toContain(word);
    await installAgent(name, agent, place, ["/b/agentd"]);
    expect(await uninstallAgent(name, agent, place)).toBe("restored");
    expect(await readFile(path, "utf8")).toBe(text);
    expect((await lstat(path)).mode).toBe(mode);
  });

  test("keeps what its user changed meanwhile", async () => {
    await using place = await temporaryPlace();
    const path = await given(place, agent, '{\n  "model": "x"\n}\n');
    await installAgent(name, agent, place, ["/a/agentd"]);
    await writeFile(path, (await readFile(path, "utf8")).replace('"x"', '"y"'));
    expect(await installAgent(name, agent, place, ["/b/agentd"])).toBe("updated");
    await uninstallAgent(name, agent, place);
    const rest = JSON.parse(await readFile(path, "utf8")) as object;
    expect(rest).toEqual({ model: "y", ...(agent.file.kind === "shared" ? agent.file.members : {}) });
  });

  test("loses the guard also where nobody remembers how it was", async () => {
    await using place = await temporaryPlace();
    const path = await given(place, agent, '{\n  "version": 1,\n  "model": "x"\n}\n');
    await installAgent(name, agent, place, ["/a/agentd"]);
    await uninstallAgent(name, agent, { ...place, gitDirectory: join(place.path, "another") });
    expect(await readFile(path, "utf8")).toBe('{\n  "version": 1,\n  "model": "x"\n}\n');
  });

  test("that is no JSON is refused, and stays", async () => {
    await using place = await temporaryPlace();
    const path = await given(place, agent, "{ nonsense");
    expect((await rejectionOf(installAgent(name, agent, place, ["/a/agentd"]))).message).toContain(
      "is not usable as JSON",
    );
    expect(await readFile(path, "utf8")).toBe("{ nonsense");
  });
});

test("a file at the place of the guard's own one that is another's is refused, and stays", async () => {
  await using place = await temporaryPlace();
  for (const [name, agent] of every.filter(([, { file }]) => file.kind === "own")) {
    const path = await given(place, agent, "mine\n");
    expect((await rejectionOf(installAgent(name, agent, place, ["/a/agentd"]))).message).toContain("is not agentd's");
    expect(await uninstallAgent(name, agent, place)).toBe("missing");
    expect(await readFile(path, "utf8")).toBe("mine\n");
  }
});

describe.each(every)("the command of %s", (name, agent) => {
  async function run(command: string, env: Record<string, string> = {}) {
    const child = Bun.spawn(["sh", "-c", command], {
      env: { PATH: "/usr/bin:/bin", ...env },
      stdin: new Blob(["{}"]),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { exit: await child.exited, out, err };
  }

  /** How this agent is refused an edit: its reason stands in `out` or `err`. */
  const refused = (reason: string) => {
    const { out, err, exit } = agent.answer(reason);
    return { exit, text: `${out}${err}`.trim() };
  };

  test("gives agentd's answer through, by path or else by PATH", async () => {
    await using world = await temporaryDirectory();
    const agentd = await program(world, "it's a path/agentd", `#!/bin/sh\necho "$*"; cat; exit $STATUS\n`);
    for (const [command, env] of [
      [agentCommand(name, agent, [agentd]), {}],
      [agentCommand(name, agent, ["/nowhere/agentd"]), { PATH: `${dirname(agentd)}:/usr/bin:/bin` }],
    ] as const) {
      const answer = { out: `guard agent-hook ${name}\n{}`, err: "" };
      expect(await run(command, { ...env, STATUS: "0" })).toEqual({ exit: 0, ...answer });
      expect(await run(command, { ...env, STATUS: "2" })).toEqual({ exit: 2, ...answer });
    }
  });

  test("refuses in the agent's words where agentd is missing or breaks, unless the guard is off", async () => {
    await using world = await temporaryDirectory();
    const broken = await program(world, "broken", "#!/bin/sh\nexit 5\n");
    for (const executable of ["/nowhere/agentd", broken]) {
      const command = agentCommand(name, agent, [executable]);
      const { exit, out, err } = await run(command);
      const reason =
        "agentd: could not check whether others hold what the edit changes, so it is refused: agentd is missing or failed " +
        `(${executable}). AGENTD_GUARD=off passes the guard.`;
      expect({ exit, text: `${out}${err}`.trim() }).toEqual(refused(reason));
      expect(await run(command, { AGENTD_GUARD: "off" })).toEqual({ exit: 0, out: "", err: "" });
    }
  });
});
