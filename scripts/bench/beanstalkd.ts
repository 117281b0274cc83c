import type { Operation, Wire } from "./operation.ts";

/** One job put; one put, reserved and deleted; or one put and carried out as a worker of agentd would. */
export type BeanstalkdWork = "put" | "cycle" | "worker";

/** Words its answers begin with when all is well, as documented in its protocol.txt. */
const accepted = new Set(["INSERTED", "RESERVED", "DELETED", "TOUCHED", "USING"]);
const [NEWLINE, lineBreak] = [10, "\r\n"];

const wire: Wire = {
  endOf(bytes, from) {
    const newline = bytes.indexOf(NEWLINE, from);
    if (newline === -1) return null;
    const [word = "", , length = ""] = bytes.toString("latin1", from, newline - 1).split(" ");
    if (!accepted.has(word)) throw new Error(`beanstalkd refused: ${word}`);
    if (word !== "RESERVED") return newline + 1;
    const end = newline + 1 + Number(length) + lineBreak.length;
    return end <= bytes.length ? end : null;
  },
};

function operation(work: BeanstalkdWork, body: string): Operation {
  const secondsToRun = 300;
  const put = command(`put 0 0 ${secondsToRun} ${Buffer.byteLength(body)}`, body);
  const reserve = command("reserve");
  const [jobs, events] = [command("use default"), command("use events")];
  const operations: Record<BeanstalkdWork, Operation> = {
    *put() {
      yield [put];
    },
    *cycle() {
      yield [put];
      yield [command(`delete ${idIn(yield [reserve])}`)];
    },
    // Events go to a tube nobody reads from.
    *worker() {
      yield [jobs, put];
      const id = idIn(yield [reserve]);
      yield [events, put];
      yield [put];
      yield [command(`touch ${id}`)];
      yield [command(`delete ${id}`)];
    },
  };
  return operations[work];
}

const command = (...lines: string[]): Buffer => Buffer.from([...lines, ""].join(lineBreak));

/** The reserved job: another client's, as often as not. */
const idIn = (answer: Buffer): string => answer.toString("latin1", 0, 40).split(" ")[1] ?? "";

/** A durable work queue in C: every write is synced before it is answered. */
export const beanstalkd = {
  program: "beanstalkd",
  /** Its arguments: a socket to listen at, and a folder of its own to write to. */
  words: (socket: string, folder: string) => ["-l", `unix:${socket}`, "-b", folder, "-f0"],
  wire,
  operation,
};
