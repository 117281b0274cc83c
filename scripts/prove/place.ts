import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** In memory where there is such a place: no disk that stalls decides how long a proof takes. */
const fastDirectory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Those to be removed also when the process is told to end. */
const open = new Set<Place>();
process.on("exit", () => {
  for (const place of open) place[Symbol.dispose]();
});

/** A directory of a proof's own, removed with it unless something in it is worth a look. */
export class Place implements Disposable {
  readonly path: string;
  #kept = false;

  constructor(name: string) {
    // Proofs let loose on a planted bug keep what they find where it goes with the bug.
    const directory = process.env.AGENTD_PROVE_DIRECTORY ?? fastDirectory;
    this.path = mkdtempSync(join(directory, `agentd-${name}-`));
    open.add(this);
  }

  /** Leaves it where it is. */
  keep(): string {
    this.#kept = true;
    return this.path;
  }

  [Symbol.dispose](): void {
    open.delete(this);
    if (!this.#kept) rmSync(this.path, { recursive: true, force: true });
  }
}
