import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { isUsable } from "../../scripts/programs.ts";
import { program } from "../support/daemon.ts";
import { type DaemonProcess, scratch, serve } from "./daemon-process.ts";

setDefaultTimeout(30_000);

const stranger = 65_534;
const group = 54_321;
const able = process.geteuid?.() === 0 && isUsable("python3");
if (!able) process.stderr.write("SKIPPED: connections of another user, because that takes root and python3\n");

const askHealth = `
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[3]))
client = socket.socket(socket.AF_UNIX)
try:
    client.connect(sys.argv[1])
except OSError as refusal:
    sys.exit(refusal.strerror)
try:
    client.sendall(b'{"method":"Health"}\\n')
    print(client.makefile().readline(), end="")
except OSError:
    pass
`;

/** What a user of the machine gets who asks the daemon for its health: an answer, nothing, or the system's refusal. */
async function askAs(socket: string, uid: number, gid: number): Promise<string> {
  const child = Bun.spawn(["/usr/bin/env", "python3", "-c", askHealth, socket, String(gid), String(uid)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return out + err.trim();
}

/** A daemon whose socket lies where others can reach the directory, as a careless user may have it. */
async function serveInTheOpen(path: string, environment: Record<string, string> = {}): Promise<DaemonProcess> {
  chmodSync(path, 0o755);
  const run = join(path, "run");
  mkdirSync(run);
  chmodSync(run, 0o755);
  return serve(join(path, "home"), { environment: { AGENTD_SOCKET_PATH: join(run, "agentd.sock"), ...environment } });
}

describe.skipIf(!able)("another user", () => {
  test("cannot reach a socket in the home", async () => {
    using place = scratch();
    chmodSync(place.path, 0o755);
    await using daemon = await serve(place.home);
    expect(await askAs(daemon.socket, stranger, stranger)).toBe("Permission denied");
  });

  test("cannot open a socket in a directory open to all", async () => {
    using place = scratch();
    await using daemon = await serveInTheOpen(place.path);
    expect(await askAs(daemon.socket, stranger, stranger)).toBe("Permission denied");
  });

  test("who can open it is disconnected unanswered, and the log says who it was", async () => {
    using place = scratch();
    await using daemon = await serveInTheOpen(place.path);
    chmodSync(daemon.socket, 0o666);
    expect(await askAs(daemon.socket, stranger, stranger)).toBe("");
    expect(daemon.log()).toContain(`refused a connection of user ${stranger}`);
    expect(await askAs(daemon.socket, 0, 0)).toStartWith('{"result":');
  });

  test("takes up no place", async () => {
    using place = scratch();
    await using daemon = await serveInTheOpen(place.path, { AGENTD_CONNECTIONS_MAX: "1" });
    chmodSync(daemon.socket, 0o666);
    expect(await askAs(daemon.socket, stranger, stranger)).toBe("");
    expect((await (await daemon.lines()).ask("Health")).error).toBeUndefined();
  });
});

const asStranger = ["setpriv", `--reuid=${stranger}`, `--regid=${stranger}`, "--clear-groups"];
const strangerCanRun = able && Bun.spawnSync([...asStranger, ...program, "version"], { cwd: "/" }).success;
if (able && !strangerCanRun) {
  process.stderr.write("SKIPPED: root at another user's daemon, because that user cannot read this repository\n");
}

test.skipIf(!strangerCanRun)("root is refused by another user's daemon, and that user is not", async () => {
  using place = scratch();
  chmodSync(place.path, 0o755);
  mkdirSync(place.home, { mode: 0o700 });
  chownSync(place.home, stranger, stranger);
  await using daemon = await serve(place.home, { under: asStranger });
  expect(await askAs(daemon.socket, 0, 0)).toBe("");
  expect(daemon.log()).toContain("refused a connection of user 0");
  expect(await askAs(daemon.socket, stranger, stranger)).toStartWith('{"result":');
});

describe.skipIf(!able)("with AGENTD_SOCKET_MODE=0660", () => {
  test("the group is let in where its directory lets it through, and nobody else is", async () => {
    using place = scratch();
    const path = place.path;
    chmodSync(path, 0o755);
    const run = join(path, "run");
    mkdirSync(run);
    chownSync(run, 0, group);
    // New files of a set-group-id directory get its group.
    chmodSync(run, 0o2750);
    const environment = { AGENTD_SOCKET_PATH: join(run, "agentd.sock"), AGENTD_SOCKET_MODE: "0660" };
    await using daemon = await serve(place.home, { environment });
    expect(statSync(daemon.socket).mode & 0o777).toBe(0o660);
    expect(await askAs(daemon.socket, stranger, group)).toStartWith('{"result":');
    expect(await askAs(daemon.socket, stranger, stranger)).toBe("Permission denied");
  });

  test("the home stays closed to the group", async () => {
    using place = scratch();
    chmodSync(place.path, 0o755);
    await using daemon = await serve(place.home, { environment: { AGENTD_SOCKET_MODE: "0660" } });
    chownSync(daemon.socket, 0, group);
    expect(await askAs(daemon.socket, stranger, group)).toBe("Permission denied");
  });
});
