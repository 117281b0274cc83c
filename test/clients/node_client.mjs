// A client as a Node user of the original daemon wrote it: node:net, no dependencies, requests in flight side by side.
//
// Reads the socket's path from AGENTD_SOCKET_PATH, walks through the original's whole flow, checks every answer and
// prints one JSON line. Ends with 1 and a message at the first answer that is not what the original gave.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { createInterface } from "node:readline";

const socketPath = process.env.AGENTD_SOCKET_PATH;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
let checks = 0;

function check(truth, what) {
  checks++;
  assert.ok(truth, what);
}

function same(actual, expected, what) {
  checks++;
  assert.deepEqual(actual, expected, what);
}

class Client {
  #socket = connect(socketPath);
  #lines = createInterface({ input: this.#socket })[Symbol.asyncIterator]();
  #reading = Promise.resolve();
  #sent = 0;

  /** Sends one line; answers come in the order of the lines. */
  send(line) {
    this.#socket.write(`${line}\n`);
    const answer = this.#reading.then(() => this.#lines.next());
    this.#reading = answer;
    return answer.then(({ value, done }) => {
      check(!done, `the daemon hung up after ${line}`);
      return JSON.parse(value);
    });
  }

  async request(method, params) {
    const id = `call-${++this.#sent}`;
    const response = await this.send(JSON.stringify({ id, method, params }));
    same(response.id, id, `${method}: the id comes back as sent`);
    return response;
  }

  async call(method, params) {
    const response = await this.request(method, params);
    check("result" in response && !("error" in response), `${method}: ${JSON.stringify(response)}`);
    return response.result;
  }

  async refused(code, method, params) {
    const { error } = await this.request(method, params);
    same(error?.code, code, `${method} with ${JSON.stringify(params)} is refused with ${code}`);
    check(typeof error.message === "string" && error.message.length > 0, `${method}: the refusal says why`);
    return error.message;
  }

  close() {
    this.#socket.end();
  }
}

async function describesItself(client) {
  const described = await client.call("describe_interface");
  same(described.protocol, "agentd-jsonl-v1", "protocol name");
  same(described.transport, "unix-domain-socket", "transport name");
  same(described.state_model.node_statuses, ["PENDING", "RUNNING", "COMPLETED", "FAILED"], "the four statuses");
  for (const row of described.methods) {
    check(typeof row.method === "string" && "params" in row && "result" in row, `a method's row: ${row.method}`);
  }
}

async function walksTheDag(client) {
  const [first, second] = [randomUUID(), randomUUID()];
  const { task_id } = await client.call("register_task", {
    goal: "check the interface",
    // Upper case is taken and comes back in lower case.
    initial_nodes: [{ id: first.toUpperCase() }, { id: second, dependencies: [first], payload_schema: { n: 1 } }],
  });
  check(uuid.test(task_id), "task_id is a uuid");

  const lease = await client.call("AcquireNextNode", { task_id });
  same(lease.node_id, first, "the first node is runnable");
  same(lease.lease_owner, "anonymous", "a lease without an owner is anonymous");
  same(lease.context.task.context, {}, "a task without a context has an empty one");
  same(lease.context.node.lease_expires_at, lease.lease_expires_at, "node and lease agree");
  check(Number.isSafeInteger(lease.lease_expires_at), "lease_expires_at is in whole seconds");
  check(iso.test(lease.context.task.created_at), "created_at is an ISO time");
  same(await client.call("acquire_next_node", { task_id, lease_owner: "node-2" }), null, "null: nothing is runnable");

  const held = { task_id, node_id: first, lease_id: lease.lease_id };
  const [beat, event, old] = await Promise.all([
    client.call("heartbeat_node", held),
    client.call("CommitEvent", { ...held, action_type: "progress", payload: { "“quoted”": [] } }),
    client.call("commit_event", { ...held, event_payload: 0 }),
  ]);
  same(beat.ok, true, "a heartbeat is taken");
  check(uuid.test(event.event_id) && uuid.test(old.event_id), "events have uuids");
  // `payload` is the older name of `result_payload`.
  const completed = await client.call("complete_node", { ...held, payload: { commit: "c0ffee" } });
  check(uuid.test(completed.event_id), "a completion is an event");
  await client.refused(-32000, "CompleteNode", { ...held, result_payload: {} });

  const next = await client.call("AcquireNextNode", { task_id, lease_owner: "node-2" });
  const { context } = next;
  same(context.node.payload_schema, { n: 1 }, "payload_schema is kept");
  same(context.completed_dependencies, [{ node_id: first, result_payload: { commit: "c0ffee" } }], "what was done");
  const journal = context.event_journal.map(({ action_type, node_id, payload }) => [action_type, node_id, payload]);
  const expected = [
    ["progress", first, { "“quoted”": [] }],
    ["COMMIT_EVENT", first, 0],
    ["COMPLETE_NODE", first, { result: { commit: "c0ffee" } }],
  ];
  same(journal, expected, "the journal, oldest first");

  await client.refused(-32000, "HeartbeatNode", { task_id, node_id: second, lease_id: lease.lease_id });
  // `payload` is the older name of `error_payload`, too.
  const failure = { task_id, node_id: second, lease_id: next.lease_id, payload: ["no", 1] };
  check(uuid.test((await client.call("fail_node", failure)).event_id), "a failure is an event");
  await showsTheStatus(client, task_id, [first, second]);
}

async function showsTheStatus(client, task_id, ids) {
  const spellings = ["TaskStatus", "task_status", "GetTaskStatus", "get_task_status"];
  const [status, ...others] = await Promise.all(spellings.map((name) => client.call(name, { task_id })));
  for (const other of others) same(other, status, "every spelling of TaskStatus answers the same");
  same(status.counts, { COMPLETED: 1, FAILED: 1 }, "only statuses that occur");
  const nodes = status.nodes.map(({ id, status: is, result_payload, lease_id }) => [id, is, result_payload, lease_id]);
  const expected = [
    [ids[0], "COMPLETED", { commit: "c0ffee" }, null],
    [ids[1], "FAILED", ["no", 1], null],
  ];
  same(nodes, expected, "nodes in registration order, ended and without a lease");
}

async function leasesLocks(client) {
  const resource_key = `tool:${randomUUID()}`;
  const asked = { resource_key, owner: "node-1", provider: "node", ttl_secs: 60, task_id: randomUUID() };
  const lock = await client.call("acquire_resource_lock", asked);
  same([lock.owner, lock.provider, lock.task_id, lock.node_id], ["node-1", "node", asked.task_id, null], "the lock");
  same(lock.metadata, {}, "a lock without metadata has empty ones");
  same(lock.lease_expires_at - lock.acquired_at, 60, "the lock runs ttl_secs");
  same(await client.call("AcquireResourceLock", { resource_key }), null, "null while another lease holds the key");
  const held = { resource_key, lease_id: lock.lease_id };
  same((await client.call("heartbeat_resource_lock", held)).ok, true, "a lock's heartbeat");
  const { locks } = await client.call("list_resource_locks", {});
  const listed = locks.find((row) => row.resource_key === resource_key);
  check(listed?.lease_id === lock.lease_id && Number.isInteger(listed.updated_at), "the lock is listed");
  same(
    locks.map((row) => row.resource_key).toSorted(),
    locks.map((row) => row.resource_key),
    "ordered by key",
  );
  await client.refused(-32000, "ReleaseResourceLock", { resource_key, lease_id: randomUUID() });
  same((await client.call("release_resource_lock", held)).ok, true, "the lock is given back");
  await client.refused(-32000, "HeartbeatResourceLock", held);
}

async function refuses(client) {
  same(await client.refused(-32601, "Nonsense", {}), "unknown method: Nonsense", "an unknown method is named");
  check((await client.refused(-32602, "HeartbeatNode", {})).includes("task_id"), "the missing parameter is named");
  await client.refused(-32602, "AcquireResourceLock", { resource_key: "k", ttl_secs: -1 });
  const briefest = await client.call("AcquireResourceLock", { resource_key: "briefest", ttl_secs: 0 });
  same(briefest.lease_expires_at - briefest.acquired_at, 1, "a lock of no time runs for a second");
  await client.refused(-32000, "AcquireNextNode", { task_id: randomUUID() });
  const broken = await client.send("no JSON");
  same([broken.error.code, "id" in broken], [-32700, false], "not JSON");
  same("id" in (await client.send('{"id":null,"method":"Health"}')), false, "a null id does not come back");
}

/** `allowHalfOpen` and `end(lines)`: several lines, the last without its newline, then no more to say. */
async function halfCloses() {
  const socket = connect({ path: socketPath, allowHalfOpen: true });
  socket.end('{"id":1,"method":"Health"}\n{"id":2,"method":"Nonsense"}\n{"id":3,"method":"ListResourceLocks"}');
  const ids = [];
  for await (const line of createInterface({ input: socket })) ids.push(JSON.parse(line).id);
  same(ids, [1, 2, 3], "every line is answered, in order");
}

const client = new Client();
await describesItself(client);
await walksTheDag(client);
await leasesLocks(client);
await refuses(client);
client.close();
await halfCloses();
console.log(JSON.stringify({ client: "node", ok: true, checks }));
