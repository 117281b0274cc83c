import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { Client } from "../../../src/client/client.ts";
import type { Daemon } from "../daemon.ts";
import { demand, type World } from "./world.ts";

/** Something that must hold. @throws {Disproved} where it does not */
export type Check = (world: World) => Promise<void>;

const denied = "Permission denied";
const answered = '{"result":';

/** A daemon whose socket lies where all may enter, as a careless user may have it. */
async function inTheOpen(
  world: World,
  environment: Record<string, string> = {},
): Promise<{ daemon: Daemon; socket: string; home: string }> {
  const path = world.place();
  const run = join(path, "run");
  mkdirSync(run);
  chmodSync(run, 0o755);
  const [home, socket] = [join(path, "home"), join(run, "agentd.sock")];
  return { daemon: await world.serve(home, { AGENTD_SOCKET_PATH: socket, ...environment }), socket, home };
}

/** The inodes of a process's sockets, and those of the machine's that a network reaches. */
function socketsOf(pid: number): { own: string[]; networked: Set<string | undefined> } {
  const fds = `/proc/${pid}/fd`;
  const links = readdirSync(fds).map((fd) => readlinkSync(join(fds, fd)));
  const own = links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
  const tables = ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"].map((name) => `/proc/${pid}/net/${name}`);
  const rows = tables.filter((path) => existsSync(path)).flatMap((path) => readFileSync(path, "utf8").split("\n"));
  return { own, networked: new Set(rows.map((row) => row.trim().split(/\s+/)[9])) };
}

export const daemonChecks: Record<string, Check> = {
  "a daemon listens on its socket and on no network": async (world) => {
    await using daemon = await world.serve(join(world.place(), "home"));
    const { own, networked } = socketsOf(daemon.pid);
    demand(own.length > 0 && own.every((inode) => !networked.has(inode)), own);
  },
  "a stranger cannot reach a socket in the home": async (world) => {
    await using daemon = await world.serve(join(world.place(), "home"));
    const got = await world.ask(daemon.socket, world.stranger);
    demand(got === denied, got);
  },
  "a stranger cannot open a socket all can reach": async (world) => {
    const { daemon, socket } = await inTheOpen(world);
    await using _ = daemon;
    const got = await world.ask(socket, world.stranger);
    demand(got === denied, got);
  },
  "a stranger who opens the socket all the same gets nothing, no place, and is noted": async (world) => {
    const { daemon, socket, home } = await inTheOpen(world, { AGENTD_CONNECTIONS_MAX: "1" });
    await using _ = daemon;
    chmodSync(socket, 0o666);
    const [got, own] = [await world.ask(socket, world.stranger), await world.ask(socket)];
    demand(got === "", got);
    demand(own.startsWith(answered), own);
    const log = readFileSync(join(home, "agentd.log"), "utf8");
    demand(log.includes(`refused a connection of user ${world.stranger.uid}`), log);
  },
  "root is refused by another user's daemon": async (world) => {
    const home = join(world.place(), "home");
    mkdirSync(home, { mode: 0o700 });
    chownSync(home, world.stranger.uid, world.stranger.gid);
    await using daemon = await world.serve(home, {}, world.stranger);
    const [roots, own] = [await world.ask(daemon.socket), await world.ask(daemon.socket, world.stranger)];
    demand(roots === "", roots);
    demand(own.startsWith(answered), own);
  },
  "a stranger can neither read nor end what agentd keeps": async (world) => {
    const home = join(world.place(), "home");
    await using daemon = await world.serve(home);
    using client = await Client.connect(daemon.socket);
    await client.call("RegisterTask", { goal: "a secret" });
    await client.call("Backup", { path: join(home, "copy.db") });
    // Even where the home itself is opened to readers, the files are not.
    chmodSync(home, 0o755);
    const names = ["agent_state.db", "agent_state.db-wal", "agentd.log", "agentd.lock", "copy.db"];
    for (const name of names) {
      const { status, words } = await world.run(["cat", join(home, name)], { as: world.stranger });
      demand(status !== 0 && words.includes(denied), `a stranger reads ${name}: ${words}`);
    }
    const { status } = await world.run(["kill", "-TERM", String(daemon.pid)], { as: world.stranger });
    demand(status !== 0 && daemon.lives, "a stranger could signal the daemon");
  },
  "a stranger cannot run a daemon in another's home": async (world) => {
    const home = join(world.place(), "home");
    await (await world.serve(home)).end("SIGTERM");
    chmodSync(home, 0o755);
    const { status, words } = await world.agentd(["serve"], { as: world.stranger, env: { AGENTD_HOME: home } });
    demand(status === 4 && words.includes(home), `${status}: ${words}`);
  },
  "in group mode the group is let in and nobody else": async (world) => {
    const path = world.place();
    const run = join(path, "run");
    mkdirSync(run);
    chownSync(run, 0, world.group);
    chmodSync(run, 0o2750);
    const socket = join(run, "agentd.sock");
    await using _ = await world.serve(join(path, "home"), { AGENTD_SOCKET_PATH: socket, AGENTD_SOCKET_MODE: "0660" });
    const member = { uid: world.stranger.uid, gid: world.group };
    const [members, others] = [await world.ask(socket, member), await world.ask(socket, world.stranger)];
    demand(members.startsWith(answered), members);
    demand(others === denied, others);
  },
  "in group mode the home stays closed to the group": async (world) => {
    await using daemon = await world.serve(join(world.place(), "home"), { AGENTD_SOCKET_MODE: "0660" });
    chownSync(daemon.socket, 0, world.group);
    const got = await world.ask(daemon.socket, { uid: world.stranger.uid, gid: world.group });
    demand(got === denied, got);
  },
};
