/*
 * What SQLite and the disk cost alone: one insert a transaction, under the daemon's pragmas, for the milliseconds given.
 * Prints a Measured as JSON.
 */
import { Database } from "bun:sqlite";
import type { Measured } from "./load.ts";
import { percentile } from "./statistics.ts";

const [path = "", payload = "", measureMs = "1000"] = Bun.argv.slice(2);
const warmUpMs = 300;

const db = new Database(path, { create: true, readwrite: true, strict: true });
for (const pragma of ["locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "cache_size = -8192"]) {
  db.run(`PRAGMA ${pragma}`);
}
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

const sorted = Float64Array.from(latencies).toSorted();
const measured: Measured = {
  operations: sorted.length,
  perSec: (sorted.length / Number(measureMs)) * 1000,
  p50Us: percentile(sorted, 0.5) * 1000,
  p99Us: percentile(sorted, 0.99) * 1000,
};
console.log(JSON.stringify(measured));
