/** What each client of the load generator does over and over. */
export type Work = { kind: "repeat"; line: string } | { kind: "cycle"; tasks: readonly string[] };

/** Gives a client's next request from the answer to its last one; `ended` when that answer ended an operation. */
export type Script = (answer: Buffer | null) => { line: Buffer; ended: boolean };

/** The script of the client with this number. */
export function scriptOf(work: Work, client: number): Script {
  return work.kind === "repeat" ? repeat(work.line) : cycle(work.tasks, client);
}

function repeat(line: string): Script {
  const bytes = Buffer.from(line);
  return (answer) => ({ line: bytes, ended: answer !== null });
}

/** Acquires a node and completes it; goes on to the next task when one has none left. */
function cycle(tasks: readonly string[], first: number): Script {
  let turn = first;
  let acquiring = false;
  const task = () => tasks[turn % tasks.length] ?? "";
  const acquire = (ended: boolean) => {
    acquiring = true;
    return { line: request("AcquireNextNode", { task_id: task(), lease_owner: "bench" }), ended };
  };
  return (answer) => {
    if (answer === null || !acquiring) return acquire(answer !== null);
    const lease = leaseIn(answer);
    if (lease === null) {
      if (++turn >= first + tasks.length) throw new Error("the tasks ran out of nodes");
      return acquire(false);
    }
    acquiring = false;
    return { line: request("CompleteNode", { task_id: task(), ...lease, result_payload: { ok: true } }), ended: false };
  };
}

/** Only the start of the answer is read: a generator that parsed 15 KB of context would measure itself. */
export function leaseIn(answer: Buffer): { node_id: string; lease_id: string } | null {
  const ids = /"node_id":"([^"]+)","lease_id":"([^"]+)"/.exec(answer.toString("latin1", 0, 300));
  return ids === null ? null : { node_id: ids[1] ?? "", lease_id: ids[2] ?? "" };
}

/** A request as a line. */
export function request(method: string, params: object): Buffer {
  return Buffer.from(`${JSON.stringify({ id: 1, method, params })}\n`);
}
