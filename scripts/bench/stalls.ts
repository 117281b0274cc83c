import type { Client } from "../../src/client/client.ts";
import type { MethodName } from "../../src/protocol/methods.ts";
import { Bystander } from "./bystander.ts";
import { costlyBytes } from "./costly-bytes.ts";
import { costlyLocks } from "./costly-locks.ts";
import { costlyTasks } from "./costly-tasks.ts";
import { RawClient } from "./raw-client.ts";
import { atMost, type Figure, millis } from "./report.ts";
import type { Stage } from "./stage.ts";
import { request } from "./work.ts";

/** One request that costs as much as can be found, and what has to be there before. */
export interface CostlyRequest {
  name: string;
  /** What the request names of it. */
  prepare: (client: Client) => Promise<object | void>;
  method: MethodName;
  params: (prepared: object) => object;
}

/** Promise 7: no request of a mebibyte delays another client's by more. */
const wantedMs = 100;
const undisturbedMs = 200;

/** What the costliest requests delay another client's CommitEvent by, each at a daemon of its own. */
export async function measureStalls(stage: Stage): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [n, costly] of [...costlyLocks, ...costlyTasks, ...costlyBytes].entries()) {
    figures.push(await measure(stage, `stall-${n}`, costly));
  }
  return figures;
}

async function measure(stage: Stage, home: string, { name, prepare, method, params }: CostlyRequest): Promise<Figure> {
  await using daemon = await stage.daemon(home);
  const line = request(method, params((await prepare(daemon.client)) ?? {}));
  using bystander = await Bystander.join(daemon);
  // An answer of megabytes, parsed in this process, would keep the bystander waiting itself.
  using raw = await RawClient.connect(daemon.socket);
  await stage.settleDisk();
  const undisturbed = await bystander.during(() => Bun.sleep(undisturbedMs));
  const { tookMs, worstMs } = await bystander.during(() => raw.ask(line));
  return {
    name: `${method}, ${name}; another client's CommitEvent`,
    value: `worst ${millis(worstMs)}, of ${millis(tookMs)}`,
    beside: `worst ${millis(undisturbed.worstMs)} undisturbed`,
    number: worstMs,
    wanted: atMost(wantedMs),
  };
}
