import type { Response } from "../protocol/envelope.ts";
import type { ParamsInput, Result } from "../protocol/methods.ts";
import type { Log } from "./log.ts";
import type { Server } from "./server.ts";

const daySecs = 86_400;

/** Prunes what is older than so many days, now and once a day; 0 keeps everything. */
export function keepRetention(days: number, server: Server, log: Log): void {
  if (days === 0) return;
  const params = { older_than_secs: days * daySecs } satisfies ParamsInput<"PruneJournal">;
  const request = {
    id: undefined,
    method: "PruneJournal",
    params,
    idempotencyKey: undefined,
    strict: true,
    unknown: [],
  };
  const prune = () =>
    server.ask(request, (line) => {
      const { result, error } = JSON.parse(line) as Partial<Response>;
      if (error?.data.kind === "SHUTTING_DOWN") return;
      if (error !== undefined) return log.error(`pruning what is older than ${days} days: ${error.message}`);
      const { tasks, rows, archives } = result as Result<"PruneJournal">;
      if (rows > 0) log.info(`pruned ${tasks} tasks, ${rows} journal rows, to ${archives.join(", ")}`);
    });
  prune();
  setInterval(prune, daySecs * 1000);
}
