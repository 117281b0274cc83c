import { Database } from "bun:sqlite";
import { genesis, type JournalHead } from "../../../src/core/journal/journal.ts";
import { verifyStore } from "../../../src/service/verification/verify.ts";
import { openStore } from "../../../src/store/sqlite-store.ts";
import type { Acknowledged } from "./record.ts";

/** What all images of one recording are held against. */
export interface Truth {
  acknowledged: readonly Acknowledged[];
  /** Where each commit left the journal, and where it was before the first: the hash says what is in it. */
  heads: readonly JournalHead[];
}

export interface Judgement {
  /** Damaged, a batch half there, or an acknowledged write missing. */
  verdict: "whole" | "corrupt" | "half" | "lost";
  why: string;
}

/** Opens the database an image was written to as the daemon would, once cut at this length of the recording. */
export function judge(path: string, cut: number, truth: Truth): Judgement {
  let found: Found;
  try {
    found = { head: verified(path), ...asSqliteSees(path) };
  } catch (error) {
    return { verdict: "corrupt", why: String(error) };
  }
  const { head, problems, answers } = found;
  if (problems !== "ok") return { verdict: "corrupt", why: problems };
  const ends = truth.heads.filter(({ seq }) => seq === head.seq);
  if (ends.length === 0) return { verdict: "half", why: `no commit ended with seq ${head.seq}` };
  if (!ends.some(({ hash }) => hash === head.hash)) {
    return { verdict: "corrupt", why: `row ${head.seq} of the journal was never written` };
  }
  const isLost = ({ at, key, seq, answer }: Acknowledged) =>
    at <= cut && (seq > head.seq || answers.get(key) !== answer);
  const lost = truth.acknowledged.find(isLost);
  if (lost === undefined) return { verdict: "whole", why: "" };
  return { verdict: "lost", why: `${lost.key}, answered at seq ${lost.seq}, where the journal ends at ${head.seq}` };
}

interface Found {
  head: JournalHead;
  /** `ok` when SQLite finds none. */
  problems: string;
  /** By idempotency key. */
  answers: Map<string, string>;
}

/** The journal's head, once all of it fits together. @throws what does not */
function verified(path: string): JournalHead {
  const store = openStore(path, Date.now);
  try {
    const report = verifyStore(store, [], Date.now());
    if (!report.ok) throw new Error(report.first_difference?.message);
    return store.reads.head;
  } finally {
    store.close();
  }
}

function asSqliteSees(path: string): Omit<Found, "head"> {
  using db = open(path);
  const [first] = db.query<{ integrity_check: string }, []>("PRAGMA integrity_check").all();
  const kept = db.query<{ key: string; answer: string }, []>("SELECT key, answer FROM idempotency_keys").all();
  return {
    problems: first?.integrity_check ?? "nothing was checked",
    answers: new Map(kept.map(({ key, answer }) => [key, answer])),
  };
}

/** Where the journal in a database ends. */
export function headIn(path: string): JournalHead {
  using db = open(path);
  const tables = db.query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE name = 'journal_head'").all();
  if (tables.length === 0) return genesis;
  return db.query<JournalHead, []>("SELECT seq, hash FROM journal_head").get() ?? genesis;
}

function open(path: string): Database {
  const db = new Database(path, { readwrite: true, create: false });
  // Without a -shm file, as the daemon.
  db.run("PRAGMA locking_mode = EXCLUSIVE");
  return db;
}
