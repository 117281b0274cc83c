import { expect, setDefaultTimeout, test } from "bun:test";
import { oneNode } from "../../src/protocol/methods/nodes.ts";
import { scratch, serve } from "./daemon-process.ts";

setDefaultTimeout(30_000);

/** A client in a process of its own: it waits for the task's next node, half-closed or not, until it is killed. */
const waiter = `
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(b'{"method":"AcquireNextNode","params":{"task_id":"%s","wait_ms":60000}}\\n' % sys.argv[2].encode())
if sys.argv[3] == "half-closed": connection.shutdown(socket.SHUT_WR)
print("sent", flush=True)
print(connection.makefile().readline(), flush=True)
`;

test.each(["open", "half-closed"])(
  "a node goes to the waiter that lives, and not to the %s one that was killed",
  async (side) => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const client = await daemon.client();
    const [first, second] = [crypto.randomUUID(), crypto.randomUUID()];
    const initial_nodes = [{ id: first }, { id: second, dependencies: [first] }];
    const { task_id } = await client.call("RegisterTask", { goal: "g", initial_nodes });
    const held = oneNode(await client.call("AcquireNextNode", { task_id }));

    const spawn = () =>
      Bun.spawn(["python3", "-c", waiter, daemon.socket, task_id, side], { stdout: "pipe", stderr: "inherit" });
    const attempts = async () => (await client.call("Metrics", {})).runtime.acquire_attempts;
    const waits = async (number: number) => {
      while ((await attempts()) < number) await Bun.sleep(5);
    };
    await using dead = spawn();
    await waits(2);
    await using alive = spawn();
    await waits(3);
    dead.kill("SIGKILL");
    await dead.exited;

    await client.call("CompleteNode", { task_id, node_id: first, lease_id: held?.lease_id ?? "", result_payload: 1 });
    const [, answer = ""] = (await new Response(alive.stdout).text()).split("\n");
    expect(JSON.parse(answer)).toMatchObject({ result: { node_id: second } });
  },
);
