/*
 * What SQLite and the disk cost alone: one insert a transaction, under the daemon's pragmas, for the milliseconds given.
 * Prints a Measured as JSON.
 */
import { Database } from "bun:sqlite";
import { summarize } from "./statistics.ts";

const [path = "", payload = "", measureMs = "1000"] = Bun.argv.slice(2);
const warmUpMs = 300;

const db = new Database(path, { create: true, readwrite: true, strict: true });
const pragmas = ["locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "fullfsync = 1"];
for (const pragma of [...pragmas, "journal_size_limit = 4194304"]) db.run(`PRAGMA ${pragma}`);
db.run("CREATE TABLE events (seq INTEGER PRIMARY KEY, payload TEXT NOT NULL) STRICT");
const insert = db.prepare<null, [string]>("INSERT INTO events (payload) VALUES (?)");

const latencies: number[] = [];
const measureFrom = performance.now() + warmUpMs;
const measureUntil = measureFrom + Number(measureMs);
let now = performance.now();
while (now < measureUntil) {
  const startedAt = now;
  // Outside a transaction each statement is one: it commits and syncs by itself.
  insert.run(payload);
  now = performance.now();
  if (startedAt >= measureFrom) latencies.push(now - startedAt);
}
db.close();

console.log(JSON.stringify(summarize(latencies, Number(measureMs))));
