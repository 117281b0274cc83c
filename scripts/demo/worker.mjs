// A worker in JavaScript, node:* modules only. Its name is in WORKER, its task's id comes on standard input.
//
// Takes nodes until the task has ended. A node with a `file` is an edit: under a lock of the file, proved by the node's
// `check`, and committed under a lock of the git index. A node without one only runs its `check` and reports.
import { execFile } from "node:child_process";
import { rename, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const { WORKER: worker, AGENTD_SOCKET_PATH: socketPath } = process.env;
const heartbeatMs = 500;
const run = promisify(execFile);
const git = async (...words) => (await run("git", words)).stdout;
const passes = (command) =>
  run("sh", ["-c", command]).then(
    () => true,
    () => false,
  );

/** One connection to the daemon: a JSON line out, a JSON line back, in the same order. */
function openConnection() {
  const socket = connect(socketPath);
  const waiting = [];
  createInterface({ input: socket }).on("line", (line) => {
    const { error, result } = JSON.parse(line);
    const { resolve, reject } = waiting.shift();
    if (error) reject(new Error(error.message));
    else resolve(result);
  });
  const call = (method, params) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      socket.write(`${JSON.stringify({ id: 1, method, params })}\n`);
    });
  return { call, close: () => socket.end() };
}

const { call, close } = openConnection();
// A waiting ListEvents holds up what follows it on its connection, so heartbeats have their own.
const pulse = openConnection();
/** The leases to keep alive: lease id → the call that does it. */
const kept = new Map();
const heart = setInterval(() => {
  // A lease may have ended meanwhile. When one was lost, the work itself is refused, and reports it.
  for (const beat of kept.values()) pulse.call(...beat).catch(() => {});
}, heartbeatMs);
let seen = 0;

/** Resolves when the task's journal holds something we have not seen. */
async function news(task_id) {
  const { next_after_seq } = await call("ListEvents", { task_id, after_seq: seen, limit: 1000, wait_ms: 1000 });
  seen = next_after_seq;
}

async function lock({ task_id, node_id }, resource_key) {
  const wanted = { resource_key, owner: worker, provider: "node", task_id, node_id };
  for (;;) {
    const lease = await call("AcquireResourceLock", wanted);
    if (lease) return keep("HeartbeatResourceLock", { resource_key, lease_id: lease.lease_id });
    await news(task_id);
  }
}

function keep(method, lease) {
  kept.set(lease.lease_id, [method, lease]);
  return lease;
}

async function unlock(lease) {
  kept.delete(lease.lease_id);
  await call("ReleaseResourceLock", lease);
}

/** Replaces a file in one step: another worker's test may be reading it. */
async function put(path, text) {
  await writeFile(`${path}.${worker}`, text);
  await rename(`${path}.${worker}`, path);
}

async function edit(held, { title, file, find, replace, check }, journal) {
  const locks = [await lock(held, `file:${file}`)];
  try {
    // From the last commit, not from the working tree: a worker that died may have left half an edit there.
    const source = await git("show", `HEAD:${file}`);
    if (!source.includes(find)) return { worker, file, note: "an earlier attempt had committed this already" };
    await put(file, source.replace(find, replace));
    await journal("progress", `edited ${file}`);
    if (!(await passes(check))) throw new Error(`${check} does not pass`);
    await journal("progress", `${check} passes`);
    locks.push(await lock(held, "file:CHANGELOG.md"));
    locks.push(await lock(held, "tool:git-index"));
    await put("CHANGELOG.md", `${await git("show", "HEAD:CHANGELOG.md")}- ${title}\n`);
    // We hold the index: a lock file that is left is of a worker that died.
    await rm(".git/index.lock", { force: true });
    const author = `--author=${worker} <${worker}@localhost>`;
    await git("commit", "--quiet", author, "-m", title, "--", file, "CHANGELOG.md");
    return { worker, file, commit: (await git("rev-parse", "--short", "HEAD")).trim() };
  } finally {
    while (locks.length > 0) await unlock(locks.pop());
  }
}

async function work({ task_id, node_id, lease_id, context }) {
  const held = keep("HeartbeatNode", { task_id, node_id, lease_id });
  const job = context.node.payload_schema;
  const journal = (action_type, text) => call("CommitEvent", { ...held, action_type, payload: { worker, text } });
  await journal("intent", job.title);
  await sleep(Number(job.think) * 1000);
  const result = job.file ? await edit(held, job, journal) : { worker, passes: await passes(job.check) };
  kept.delete(lease_id);
  await call("CompleteNode", { ...held, result_payload: result });
}

console.log("ready");
const stdin = createInterface({ input: process.stdin });
const task_id = await new Promise((resolve) => stdin.once("line", resolve));
stdin.close();
for (;;) {
  const lease = await call("AcquireNextNode", { task_id, lease_owner: worker });
  if (lease) await work(lease);
  else if ((await call("TaskStatus", { task_id })).state !== "ACTIVE") break;
  else await news(task_id);
}
clearInterval(heart);
close();
pulse.close();
