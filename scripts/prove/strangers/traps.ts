import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Check } from "./checks.ts";
import { demand, type World } from "./world.ts";

/** Something is wrong about a place before a daemon starts there; gives the path its refusal must name. */
type Trap = (at: { home: string; path: string; world: World }) => { names: string; env?: Record<string, string> };

const makeHome = (home: string): void => mkdirSync(home, { mode: 0o700 });

function precious(path: string): string {
  const file = join(path, "precious");
  writeFileSync(file, "precious", { mode: 0o600 });
  return file;
}

const files = ["agent_state.db", "agent_state.db-wal", "agent_state.db-journal", "agentd.lock", "agentd.log"];

const linked = (name: string): [string, Trap] => [
  `a link where ${name} should be`,
  ({ home, path }) => {
    makeHome(home);
    symlinkSync(precious(path), join(home, name));
    return { names: join(home, name) };
  },
];

const foreign = (name: string): [string, Trap] => [
  `another user's ${name}`,
  ({ home, world }) => {
    makeHome(home);
    const file = join(home, name);
    writeFileSync(file, "", { mode: 0o600 });
    chownSync(file, world.stranger.uid, world.stranger.gid);
    return { names: file };
  },
];

/** Modes in which a home is open to others' writing. */
const homeModes = [0o770, 0o707, 0o777, 0o1777, 0o720, 0o702];
const envModes = [0o640, 0o604, 0o644, 0o660, 0o620];

export const traps: Record<string, Trap> = {
  "a home that is a link": ({ home, path }) => {
    mkdirSync(join(path, "elsewhere"), { mode: 0o700 });
    symlinkSync(join(path, "elsewhere"), home);
    return { names: home };
  },
  "another user's home": ({ home, world }) => {
    makeHome(home);
    chownSync(home, world.stranger.uid, world.stranger.gid);
    return { names: home };
  },
  "a home others may write to": ({ home, world }) => {
    makeHome(home);
    chmodSync(home, world.chance.of(homeModes));
    return { names: home };
  },
  "a home that is a file": ({ home }) => {
    writeFileSync(home, "precious");
    return { names: home };
  },
  "a socket's directory others may write to": ({ home, path }) => {
    const run = join(path, "run");
    mkdirSync(run);
    chmodSync(run, 0o777);
    makeHome(home);
    return { names: run, env: { AGENTD_SOCKET_PATH: join(run, "agentd.sock") } };
  },
  "a database's directory of another user": ({ home, path, world }) => {
    const data = join(path, "data");
    mkdirSync(data);
    chownSync(data, world.stranger.uid, world.stranger.gid);
    makeHome(home);
    return { names: data, env: { AGENTD_DATABASE_URL: `sqlite://${join(data, "state.db")}` } };
  },
  "a file in the socket's place": ({ home }) => {
    makeHome(home);
    writeFileSync(join(home, "agentd.sock"), "precious");
    return { names: join(home, "agentd.sock") };
  },
  "a link in the socket's place": ({ home, path }) => {
    makeHome(home);
    symlinkSync(precious(path), join(home, "agentd.sock"));
    return { names: join(home, "agentd.sock") };
  },
  "another user's dead socket": ({ home, world }) => {
    makeHome(home);
    const socket = join(home, "agentd.sock");
    Bun.spawnSync(["python3", "-c", "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", socket]);
    chownSync(socket, world.stranger.uid, world.stranger.gid);
    return { names: socket };
  },
  ...Object.fromEntries([...files.map(linked), ...files.map(foreign)]),
  "an environment file others may read or write": ({ home, world }) => {
    makeHome(home);
    const file = join(home, ".env");
    writeFileSync(file, "");
    chmodSync(file, world.chance.of(envModes));
    return { names: file };
  },
  "another user's environment file": ({ home, world }) => {
    makeHome(home);
    const file = join(home, ".env");
    writeFileSync(file, "", { mode: 0o600 });
    chownSync(file, world.stranger.uid, world.stranger.gid);
    return { names: file };
  },
  "an environment file that is a link to another user's": ({ home, path, world }) => {
    makeHome(home);
    const file = join(path, "env");
    writeFileSync(file, "", { mode: 0o600 });
    chownSync(file, world.stranger.uid, world.stranger.gid);
    symlinkSync(file, join(home, ".env"));
    return { names: join(home, ".env") };
  },
};

/** The daemon refuses each in words that name the place, and so does the command that would start it. */
export const trapChecks: Record<string, Check> = Object.fromEntries(
  Object.entries(traps).map(([what, trap]) => [
    `no start with ${what}`,
    async (world: World) => {
      const path = world.place();
      const home = join(path, "home");
      const { names, env = {} } = trap({ home, path, world });
      for (const command of [["serve"], ["start"]]) {
        const { status, words } = await world.agentd(command, { env: { ...env, AGENTD_HOME: home } });
        demand(status !== 0 && words.includes(names), `agentd ${command.join(" ")} ended with ${status}: ${words}`);
      }
      for (const file of [join(path, "precious"), join(home, "agentd.sock")]) {
        const isFile = existsSync(file) && lstatSync(file).isFile();
        demand(!isFile || readFileSync(file, "utf8") === "precious", `${file} was changed`);
      }
    },
  ]),
);
