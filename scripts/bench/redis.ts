import type { Operation, Wire } from "./operation.ts";

/** One entry added; a job put, reserved and deleted; one carried out as a worker of agentd would; or a lock taken and given back. */
export type RedisWork = "put" | "cycle" | "worker" | "lock";

const lineBreak = "\r\n";
const leaseMs = "300000";

/** The three kinds of answer these commands have: a line, a number, a text with its length (-1 of none). */
const wire: Wire = {
  endOf(bytes, from) {
    const lineEnd = bytes.indexOf(lineBreak, from);
    if (lineEnd === -1) return null;
    const [kind, rest] = [bytes.toString("latin1", from, from + 1), bytes.toString("latin1", from + 1, lineEnd)];
    if (!"+:$".includes(kind)) throw new Error(`redis refused: ${rest}`);
    const afterLine = lineEnd + lineBreak.length;
    if (kind !== "$" || rest === "-1") return afterLine;
    const end = afterLine + Number(rest) + lineBreak.length;
    return end <= bytes.length ? end : null;
  },
};

function operation(work: RedisWork, body: string): Operation {
  // A run ends with leases held and jobs left, so the next uses other names.
  const client = crypto.randomUUID();
  const lease = `lease:${client}`;
  const take = command("SET", lease, "token", "NX", "PX", leaseMs);
  const drop = command("DEL", lease);
  const event = command("XADD", "events", "*", "payload", body);
  const reserve = command("LMOVE", "ready", "reserved", "RIGHT", "LEFT");
  let jobs = 0;
  // A job is deleted by what it says, so no two say the same.
  const put = () => command("LPUSH", "ready", `${client}.${jobs++} ${body}`);
  const operations: Record<RedisWork, Operation> = {
    *put() {
      yield [event];
    },
    *cycle() {
      yield [put()];
      yield [remove(textIn(yield [reserve]))];
    },
    *worker() {
      yield [put()];
      const job = textIn(yield [reserve]);
      yield [event];
      yield [event];
      yield [command("SET", lease, "token", "PX", leaseMs)];
      yield [remove(job), drop];
    },
    *lock() {
      if ((yield [take]).toString("latin1", 0, 1) !== "+") throw new Error("somebody holds what nobody should");
      yield [drop];
    },
  };
  return operations[work];
}

const remove = (job: string) => command("LREM", "reserved", "1", job);

const command = (...words: string[]): Buffer =>
  Buffer.from(
    [`*${words.length}`, ...words.flatMap((word) => [`$${Buffer.byteLength(word)}`, word]), ""].join(lineBreak),
  );

/** The text of an answer that is one. */
const textIn = (answer: Buffer): string => answer.toString("utf8").split(lineBreak)[1] ?? "";

/** A store in memory, in C, whose append-only file is synced before it answers. It rewrites none of it here. */
export const redis = {
  program: "redis-server",
  /** Its arguments: a socket to listen at, and a folder of its own to write to. */
  words: (socket: string, folder: string) =>
    Object.entries({
      port: "0",
      unixsocket: socket,
      dir: folder,
      appendonly: "yes",
      appendfsync: "always",
      "auto-aof-rewrite-percentage": "0",
      save: "",
      loglevel: "warning",
    }).flatMap(([setting, value]) => [`--${setting}`, value]),
  wire,
  operation,
};
