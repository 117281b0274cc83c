import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { program } from "../support/daemon.ts";
import { type Workshop, workshop } from "./worker.ts";

setDefaultTimeout(60_000);

let shop: Workshop;
beforeAll(async () => void (shop = await workshop()));
afterAll(() => shop[Symbol.asyncDispose]());

/** Stands between a command and the daemon, and keeps the first answer that grants a lease to itself. */
function deafened() {
  const path = join(shop.directory, `${crypto.randomUUID()}.sock`);
  const granted = Promise.withResolvers<void>();
  let isHeld = false;
  interface Line {
    daemon: Promise<Bun.Socket>;
  }
  const listener = Bun.listen<Line>({
    unix: path,
    socket: {
      open(socket) {
        const daemon = Bun.connect({
          unix: shop.daemon.socket,
          socket: {
            data(_daemon, bytes) {
              if (!isHeld && bytes.toString().includes('"lease_expires_at"')) {
                isHeld = true;
                granted.resolve();
              } else socket.write(bytes);
            },
            close: () => void socket.end(),
          },
        });
        socket.data = { daemon };
      },
      data: (socket, bytes) => void socket.data.daemon.then((daemon) => daemon.write(bytes)),
      close: (socket) => void socket.data.daemon.then((daemon) => daemon.terminate()),
    },
  });
  return { path, granted: granted.promise, [Symbol.dispose]: () => listener.stop(true) };
}

const leased = async () => {
  const { client } = shop.daemon;
  const { total } = await client.call("ListRunningNodes", {});
  return total + (await client.call("ListResourceLocks", {})).locks.length;
};

describe("what was granted to a command that was interrupted before it heard of it is given back", () => {
  test.each([
    ["run", ["run", "--any", "--", "true"]],
    ["run --all --wait", ["run", "--any", "--all", "--wait", "1h", "--", "true"]],
    ["lock run --wait", ["lock", "run", "name:x", "--wait", "1h", "--", "true"]],
    ["lock run", ["lock", "run", "name:x", "--", "true"]],
    ["lock acquire --wait", ["lock", "acquire", "name:x", "--wait", "1h"]],
    ["lock acquire", ["lock", "acquire", "name:x"]],
    ["node acquire --wait", ["node", "acquire", "--any", "--wait", "10m"]],
    ["node acquire", ["node", "acquire", "--any"]],
    ["node acquire --count", ["node", "acquire", "--any", "--count", "2"]],
  ])("%s", async (_command, words) => {
    await shop.task({ a: [], b: [] });
    using between = deafened();
    const child = Bun.spawn([...program, ...words], {
      cwd: shop.directory,
      env: { ...process.env, AGENTD_HOME: shop.daemon.path, AGENTD_SOCKET_PATH: between.path },
      stdio: ["ignore", "ignore", "pipe"],
    });
    await between.granted;
    expect(await leased()).toBeGreaterThan(0);
    child.kill("SIGINT");
    await child.exited;
    expect(child.signalCode).toBe("SIGINT");
    expect(await child.stderr.text()).toBe("");
    expect(await leased()).toBe(0);
  });

  test("but not what a lease had before", async () => {
    const { client } = shop.daemon;
    const taken = await client.call("AcquireResourceLocks", { locks: [{ resource_key: "name:first" }] });
    const lease_id = taken?.lease_id ?? "";
    using between = deafened();
    const words = ["lock", "acquire", "--scope", "", "name:second", "--lease", lease_id, "--wait", "1h"];
    const child = Bun.spawn([...program, ...words], {
      cwd: shop.directory,
      env: { ...process.env, AGENTD_HOME: shop.daemon.path, AGENTD_SOCKET_PATH: between.path },
      stdio: ["ignore", "ignore", "ignore"],
    });
    await between.granted;
    child.kill("SIGINT");
    await child.exited;
    const { locks } = await client.call("ListResourceLocks", { lease_id });
    expect(locks.map(({ resource_key: key }) => key)).toEqual(["name:first"]);
    await client.call("ReleaseResourceLock", { lease_id });
  });
});
