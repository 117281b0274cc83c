import { type FileState, WatchedFile } from "../../native/watched-file.ts";
import { StorageFailure } from "../store.ts";

/**
 * The write-ahead log beside a database, as this process left it.
 *
 * What was in a log that somebody cut off or took away is gone. SQLite does not look: it would go on writing where nobody
 * finds it, and fold zeros into the database.
 */
export class WriteAheadLog {
  readonly #file: WatchedFile;
  #left: FileState | null = null;

  /** `database` is the path of the database itself. */
  constructor(database: string) {
    this.#file = new WatchedFile(`${database}-wal`);
    this.note();
  }

  /** Takes the file as it is for right: this process has just changed it. */
  note(): void {
    this.#left = this.#find();
  }

  /** What has happened to what this process wrote; null when nothing has. */
  get lost(): string | null {
    const left = this.#left;
    if (left === null || left.bytes === 0) return null;
    const found = this.#find();
    if (found === null) return "removed";
    if (found.device !== left.device || found.inode !== left.inode) return "replaced";
    return found.bytes < left.bytes ? "cut off" : null;
  }

  /** @throws {StorageFailure} when it is lost */
  refuseLost(): void {
    const how = this.lost;
    if (how === null) return;
    throw new StorageFailure(
      "STORAGE_FAILED",
      `the database's log ${this.#file.path} was ${how} while the daemon was running; nothing was written: put it back, or restart the daemon and lose what it held`,
      { reopen: false },
    );
  }

  #find(): FileState | null {
    try {
      return this.#file.look();
    } catch {
      // In a directory that was closed to this user, what happens to the database says more.
      return null;
    }
  }
}
