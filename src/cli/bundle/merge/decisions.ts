import { mkdir, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { readFileText } from "../../../native/read-file.ts";
import { nullIfMissing } from "../../../native/system-error.ts";
import { limits } from "../../../protocol/limits.ts";
import { join } from "node:path";
import { RequestRefused } from "../../../client/refusals.ts";
import type { ParamsInput } from "../../../protocol/methods.ts";
import { commitOrNull } from "../../git/revision.ts";
import type { Controls } from "../../run/lease.ts";
import { PatientClient } from "../../patient-client.ts";
import type { Session } from "../../session.ts";
import type { Outcome } from "./report.ts";

export type Decision = ParamsInput<"DecidePatchBundle">;

/** The branch that has what was accepted. */
export interface Branch {
  ref: string;
  commit: string;
}

/** What a merge decided, on its way into the daemon. */
interface Pending {
  /** The home of the daemon they are for. */
  home: string;
  /** Null where nothing was accepted. */
  branch: Branch | null;
  decisions: { params: Decision; idempotencyKey: string }[];
}

type Asking = Pick<Controls, "session" | "giveUp">;

/** What was completed of earlier runs: how many decisions, and the branches they are about. */
interface Completed {
  decisions: number;
  branches: string[];
}

/**
 * A merge's decisions while they are being recorded: a file in the common git directory, written before the branch is
 * made, so that a run that is killed between the two, or before the last decision, is completed by the next.
 */
export class PendingDecisions {
  readonly #path: string;
  readonly #pending: Pending;

  private constructor(path: string, pending: Pending) {
    this.#path = path;
    this.#pending = pending;
  }

  static async write(
    session: Session,
    scope: string,
    branch: Branch | null,
    decisions: readonly Decision[],
  ): Promise<PendingDecisions> {
    const path = join(scope, directory, `${crypto.randomUUID()}.json`);
    const keyed = decisions.map((params) => ({ params, idempotencyKey: crypto.randomUUID() }));
    const { paths } = await session.locate();
    const pending = new PendingDecisions(path, { home: paths.home, branch, decisions: keyed });
    await mkdir(join(scope, directory), { recursive: true });
    // On the disk before the branch is: a branch whose decisions a power loss took would look like nobody's.
    await writeFile(`${path}.new`, JSON.stringify(pending.#pending), { flush: true });
    await rename(`${path}.new`, path);
    return pending;
  }

  /**
   * Records what runs before this one did not come to: what they decided counts if their branch is there. For a run that
   * has the repository to itself: what it finds is then of runs that are no more.
   */
  static async completeEarlier(controls: Asking, { top, scope }: { top: string; scope: string }): Promise<Completed> {
    const { paths } = await controls.session.locate();
    const completed: Completed = { decisions: 0, branches: [] };
    for (const name of (await readdir(join(scope, directory)).catch(nullIfMissing)) ?? []) {
      const path = join(scope, directory, name);
      const pending = name.endsWith(".json") ? await readPending(path) : null;
      if (pending !== null && pending.home !== paths.home) continue;
      const earlier = new PendingDecisions(path, pending ?? { home: paths.home, branch: null, decisions: [] });
      const { branch, decisions } = earlier.#pending;
      const counts = branch === null || (await commitOrNull(top, branch.ref)) === branch.commit;
      if (!counts) {
        await earlier.forget();
        continue;
      }
      completed.decisions += decisions.length - (await earlier.record(controls)).length;
      if (branch !== null) completed.branches.push(branch.ref);
    }
    return completed;
  }

  /**
   * Records the decisions, in order. A daemon that is restarted meanwhile is waited for.
   * @returns those that somebody else made meanwhile, with the daemon's words
   */
  async record({ session, giveUp }: Asking): Promise<{ bundleId: string; message: string }[]> {
    const refused: { bundleId: string; message: string }[] = [];
    using client = new PatientClient(session);
    for (const { params, idempotencyKey } of this.#pending.decisions) {
      try {
        await client.call("DecidePatchBundle", params, giveUp, idempotencyKey);
      } catch (cause) {
        if (!(cause instanceof RequestRefused) || !isFinal.has(cause.kind)) throw cause;
        refused.push({ bundleId: params.bundle_id, message: cause.message });
      }
    }
    await this.forget();
    return refused;
  }

  async forget(): Promise<void> {
    await rm(this.#path, { force: true });
    // Another run may have its own there.
    await rmdir(join(this.#path, "..")).catch(() => {});
  }
}

const directory = "agentd-merge";
const isFinal: ReadonlySet<string> = new Set(["INVALID_STATE", "NOT_FOUND"]);

/** Null for what was not written to its end. */
async function readPending(path: string): Promise<Pending | null> {
  try {
    return JSON.parse(readFileText(path, limits.inputBytesMax)) as Pending;
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}

/** What is to be recorded: what was left open is not. */
export function decisionsOf(outcomes: readonly Outcome[], decidedBy: string): Decision[] {
  return outcomes.flatMap(({ bundleId, fate, reason, mergedRevision, against, verification }): Decision[] => {
    if (fate === "left") return [];
    // Of what was accepted these are what gave way to it.
    const gaveWay = outcomes.filter((other) => other.against.includes(bundleId)).map((other) => other.bundleId);
    const said = { bundle_id: bundleId, decision: fate, reason: clipped(reason), decided_by: decidedBy };
    const runs = verification.map((run) => (run.exit_code === 0 ? { ...run, output_tail: "" } : run));
    const params = { ...said, verification: runs };
    if (fate === "accepted") return [{ ...params, merged_revision: mergedRevision, alternatives: gaveWay }];
    return [{ ...params, alternatives: [...against] }];
  });
}

const clipped = (reason: string) =>
  (reason.length > limits.reasonCharsMax ? `${reason.slice(0, limits.reasonCharsMax - 1)}…` : reason).toWellFormed();
