import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Disproved } from "../proof.ts";
import { unknown } from "./ledger.ts";
import type { Trial } from "./trial.ts";
import { ext4Volume, memoryVolume, type Volume } from "./volumes.ts";

/** One way in which the storage ends; a text where it cannot be had here. @throws {Disproved} */
export type Case = (trial: Trial) => Promise<string | null>;

const full = "STORAGE_FULL";
const failed = "STORAGE_FAILED";
const ballastBytes = 1 << 20;
const unmountable = "mounting is not permitted";
const isRoot = process.geteuid?.() === 0;

/** A disk that fills up, and from which something is removed then. */
const fullDisk =
  (make: (path: string) => Volume | null): Case =>
  async (trial) => {
    using volume = make(join(trial.directory, "volume"));
    if (volume === null) return unmountable;
    const ballast = join(volume.path, "ballast");
    writeFileSync(ballast, Buffer.alloc(ballastBytes, 1));
    const home = join(volume.path, "home");
    await using first = await trial.start(home);
    await trial.exhaust(first, full);
    await first.end(trial.chance.happens(0.5) ? "SIGKILL" : "SIGTERM");
    await using second = await trial.start(home);
    await trial.refuseReads();
    await trial.refuseRoom(full);
    rmSync(ballast);
    await trial.recover(second);
    return null;
  };

/** A limit on a file's size, lifted while the daemon runs. */
const fileSize: Case = async (trial) => {
  if (Bun.which("prlimit") === null) return "prlimit is not there";
  const under = ["sh", "-c", 'ulimit -S -f 4096; exec "$@"', "sh"];
  await using daemon = await trial.start(join(trial.directory, "home"), under);
  // The system does not say that it is the size, so SQLite cannot tell how far its commit came.
  await trial.exhaust(daemon, full, failed, unknown);
  const lifted = Bun.spawnSync(["prlimit", "--pid", String(daemon.pid), "--fsize=unlimited:"]);
  if (!lifted.success) throw new Disproved(`the limit could not be lifted: ${lifted.stderr.toString()}`);
  await trial.recover(daemon);
  return null;
};

/** As many connections as there are descriptors and more: who is in is served, and who was not can come later. */
const fewDescriptors: Case = async (trial) => {
  const under = ["sh", "-c", 'ulimit -n 128; exec "$@"', "sh"];
  await using daemon = await trial.start(join(trial.directory, "home"), under);
  await trial.write(10);
  await trial.crowd(daemon, 250, async () => {
    await trial.write(10);
    await trial.refuseReads();
  });
  await trial.ledger.connect();
  await trial.recover(daemon);
  return null;
};

/** A directory that is closed to its own user: what is open stays open, and a start says what is wrong. */
const readOnly: Case = async (trial) => {
  if (isRoot && Bun.which("setpriv") === null) return "setpriv is not there";
  // Without these, root is held to what a file's mode says as everybody is.
  const under = isRoot ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] : [];
  const database = join(trial.directory, "database");
  const home = join(trial.directory, "home");
  for (const path of [home, database]) mkdirSync(path, { mode: 0o700 });
  const environment = { AGENTD_DATABASE_URL: `sqlite://${join(database, "state.db")}` };
  {
    await using daemon = await trial.start(home, under, environment);
    await trial.write(10);
    chmodSync(database, 0o500);
    await trial.write(10);
    await trial.refuseReads();
    await daemon.end("SIGKILL");
  }
  // Its log is still there; without one, nothing can be written anew.
  chmodSync(database, 0o700);
  {
    await using daemon = await trial.start(home, under, environment);
    await trial.ledger.refuseLoss();
    await daemon.end("SIGTERM");
  }
  chmodSync(database, 0o500);
  await trial.refuseStart(home, under, environment, database);
  chmodSync(database, 0o700);
  await using daemon = await trial.start(home, under, environment);
  await trial.recover(daemon);
  return null;
};

/** The database is removed, or another file put in its place; then it is back. */
const taken =
  (replacement: string | null): Case =>
  async (trial) => {
    const home = join(trial.directory, "home");
    await using daemon = await trial.start(home);
    await trial.write(20);
    const database = join(home, "agent_state.db");
    linkSync(database, `${database}.kept`);
    rmSync(database);
    if (replacement !== null) writeFileSync(database, replacement, { mode: 0o600 });
    await trial.refuseRoom(failed);
    await trial.refuseReads();
    renameSync(`${database}.kept`, database);
    await trial.recover(daemon);
    return null;
  };

/** The log is cut off under the daemon: what was in it is gone, and nothing more goes that way. */
const cutOff: Case = async (trial) => {
  const home = join(trial.directory, "home");
  {
    await using daemon = await trial.start(home);
    await trial.write(20 + trial.chance.below(150));
    const log = join(home, "agent_state.db-wal");
    truncateSync(log, trial.chance.below(statSync(log).size));
    trial.ledger.writeOff();
    await trial.refuseRoom(failed);
    await trial.ledger.read("Health");
    if (!daemon.lives) throw new Disproved("the daemon is dead");
    await daemon.end(trial.chance.happens(0.5) ? "SIGKILL" : "SIGTERM");
  }
  await using daemon = await trial.start(home);
  await trial.recover(daemon);
  return null;
};

export const cases: Record<string, Case> = {
  "4 MB tmpfs": fullDisk(memoryVolume),
  "8 MB ext4": fullDisk(ext4Volume),
  "ulimit -f": fileSize,
  "128 descriptors": fewDescriptors,
  "read-only directory": readOnly,
  "database unlinked": taken(null),
  "database replaced": taken("another's"),
  "-wal truncated": cutOff,
};
