import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "./daemon-process.ts";
import { LineClient } from "./line-client.ts";

/** Far more than it takes to stop a process that has just armed a timer of so long. */
const timerMs = 3_000;

/** A process with a socket and a ticker whose timer is armed; it prints what it did, and in which order. */
const program = `
  import { Ticker } from ${JSON.stringify(join(import.meta.dir, "../../src/daemon/ticker.ts"))};
  const seen = [];
  const turn = () => {
    seen.push("turn");
    return false;
  };
  const ticker = new Ticker({ turn, msUntilTurn: () => (seen.length === 1 ? ${timerMs} : null) }, () => {
    console.log(seen.length === 1 ? "armed" : seen.join(" "));
  });
  Bun.listen({ unix: process.argv[2], socket: { data: () => void seen.push("read") } });
  ticker.request();
`;

/*
 * Heartbeats lie in the sockets of a daemon that was stopped, and leases are over: what is heard in which order is a matter
 * of the service, and tested there. That it is heard before the turn for which the timer was set, the system has a part in.
 */
test("what came during a stop is read before the turn that fell due meanwhile", async () => {
  using place = scratch();
  writeFileSync(join(place.path, "program.ts"), program);
  const orders = Array.from({ length: 4 }, async (_, n) => {
    const socket = join(place.path, `socket${n}`);
    await using child = Bun.spawn([process.execPath, join(place.path, "program.ts"), socket], { stdout: "pipe" });
    const lines = child.stdout.getReader();
    const line = async () => new TextDecoder().decode((await lines.read()).value).trim();
    expect(await line()).toBe("armed");
    using client = await LineClient.connect(socket);
    child.kill("SIGSTOP");
    client.push("heartbeat\n");
    await Bun.sleep(timerMs);
    child.kill("SIGCONT");
    return await line();
  });
  for (const order of await Promise.all(orders)) expect(order).toBe("turn read turn");
});
