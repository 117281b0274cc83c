import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "./checks.ts";
import { demand, type World } from "./world.ts";

/** A socket on which somebody else listens, who counts what he gets. */
async function squat<T>(world: World, socket: string, work: () => Promise<T>): Promise<{ worked: T; heard: number }> {
  let heard = 0;
  const count = () => void heard++;
  const listener = Bun.listen({ unix: socket, socket: { open: count, data: count } });
  try {
    chownSync(socket, world.stranger.uid, world.stranger.gid);
    chmodSync(socket, 0o777);
    return { worked: await work(), heard };
  } finally {
    listener.stop(true);
  }
}

/** Names that a shell, a terminal or a parser of paths would trip over. */
const names = ["a b", "$(touch pwned)", "`touch pwned`", "-rf", "'", '"', "a\nb", "é\u202e", "%s%n", "..x", "*", "#"];
const escape = "\u001b";

export const clientChecks: Record<string, Check> = {
  "a client sends nothing to another's socket": async (world) => {
    const path = world.place();
    const socket = join(path, "agentd.sock");
    const env = { AGENTD_HOME: join(path, "home"), AGENTD_SOCKET_PATH: socket };
    const { worked, heard } = await squat(world, socket, async () => world.agentd(["health"], { env }));
    demand(worked.status !== 0 && worked.words.includes(socket) && heard === 0, { ...worked, heard });
  },
  "a client is led to another's socket by no link": async (world) => {
    const path = world.place();
    const [socket, link] = [join(path, "theirs"), join(path, "agentd.sock")];
    symlinkSync(socket, link);
    const env = { AGENTD_HOME: join(path, "home"), AGENTD_SOCKET_PATH: link };
    const { worked, heard } = await squat(world, socket, async () => world.agentd(["health"], { env }));
    demand(worked.status !== 0 && heard === 0, { ...worked, heard });
  },
  "a daemon leaves a socket that another answers on": async (world) => {
    const path = world.place();
    const shared = join(path, "tmp");
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    const socket = join(shared, "agentd.sock");
    const env = { AGENTD_HOME: join(path, "home"), AGENTD_SOCKET_PATH: socket };
    const { worked } = await squat(world, socket, async () => world.agentd(["serve"], { env }));
    demand(worked.status === 4 && worked.words.includes(socket), worked);
  },
  "a file in the socket's place gets nothing": async (world) => {
    const path = world.place();
    const socket = join(path, "agentd.sock");
    writeFileSync(socket, "precious");
    const env = { AGENTD_HOME: join(path, "home"), AGENTD_SOCKET_PATH: socket };
    const { status, words } = await world.agentd(["health"], { env });
    demand(status !== 0 && words.includes(socket) && (await Bun.file(socket).text()) === "precious", words);
  },
  "a client goes by no environment file that others may touch": async (world) => {
    const path = world.place();
    const home = join(path, "home");
    mkdirSync(home, { mode: 0o700 });
    const file = join(home, ".env");
    const theirs = join(path, "theirs.sock");
    writeFileSync(file, `AGENTD_SOCKET_PATH=${theirs}\n`);
    for (const spoil of [
      () => chmodSync(file, 0o666),
      () => (chmodSync(file, 0o600), chownSync(file, world.stranger.uid, 0)),
    ]) {
      spoil();
      const { status, words } = await world.agentd(["health"], { env: { AGENTD_HOME: home } });
      demand(status !== 0 && words.includes(file) && !existsSync(theirs), words);
    }
  },
  "the working directory configures nothing": async (world) => {
    const path = world.place();
    const [home, repository] = [join(path, "home"), join(path, "repository")];
    mkdirSync(repository);
    const marker = join(path, "pwned");
    writeFileSync(join(repository, ".env"), `AGENTD_HOME=${join(path, "evil")}\nAGENTD_SOCKET_MODE=0660\n`);
    writeFileSync(join(repository, "evil.ts"), `require("node:fs").writeFileSync(${JSON.stringify(marker)}, "")`);
    writeFileSync(join(repository, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
    writeFileSync(join(repository, "tsconfig.json"), "not JSON");
    writeFileSync(join(repository, "package.json"), '{"main":"./evil.ts"}');
    await using _ = await world.serve(home);
    const { status, words } = await world.agentd(["health", "--json"], { env: { AGENTD_HOME: home }, cwd: repository });
    demand(status === 0 && words.includes(home) && !existsSync(marker), words);
    demand(!existsSync(join(path, "evil")), "the repository named the home");
  },
  "hostile names of places are names": async (world) => {
    const path = world.place();
    const home = join(path, world.chance.of(names));
    await using _ = await world.serve(home);
    const { status, words } = await world.agentd(["health", "--json"], { env: { AGENTD_HOME: home }, cwd: path });
    demand(
      status === 0 && words.includes(JSON.stringify(home)) && !existsSync(join(path, "pwned")),
      `${home}: ${words}`,
    );
    const { status: stopped } = await world.agentd(["stop"], { env: { AGENTD_HOME: home } });
    demand(stopped === 0, `a daemon at ${home} does not stop`);
  },
  "hostile names in what is stored steer no terminal": async (world) => {
    const home = join(world.place(), "home");
    await using daemon = await world.serve(home);
    const hostile = `${escape}]0;pwned\u0007${escape}[2J\u009b31m\r\nforged`;
    const params = JSON.stringify({ resource_key: `file:${hostile}`, owner: hostile, metadata: { intent: hostile } });
    const goal = JSON.stringify({ goal: hostile, initial_nodes: [{ payload_schema: { prompt: hostile } }] });
    const env = { AGENTD_HOME: home };
    for (const [method, json] of [
      ["RegisterTask", goal],
      ["AcquireResourceLock", params],
    ] as const) {
      const { status, words } = await world.agentd(["call", method, json], { env });
      demand(status === 0, words);
    }
    for (const command of [
      ["task", "list"],
      ["lock", "list"],
      ["event", "list"],
      ["lock", "check", `file:${hostile}`],
    ]) {
      const { words } = await world.agentd(command, { env });
      demand(
        !words.includes(escape) && !words.includes("\u009b"),
        `agentd ${command[0]} ${command[1]}: ${JSON.stringify(words)}`,
      );
    }
    demand(daemon.lives, "the daemon is dead");
  },
};
