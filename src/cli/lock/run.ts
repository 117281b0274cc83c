import { kindsOn } from "../../protocol/transitions.ts";
import { command, option } from "../command.ts";
import type { Exit } from "../exits.ts";
import { keysArg, type LockRequest, readLockRequest, takeLocks, type GrantedLocks, takingArgs } from "./acquire.ts";
import { explainHeld } from "./text.ts";
import { checkCommand, exitStatus, runSupervised } from "../run/supervised.ts";
import { bind, hold, isLost, type Keeping, type Controls } from "../run/lease.ts";
import { interruptible } from "../run/interruptions.ts";
import { nodeAround } from "../environment.ts";
import { PatientClient } from "../patient-client.ts";
import { RequestRefused } from "../../client/refusals.ts";
import { readDuration } from "../values.ts";

export const run = command({
  args: {
    key: keysArg,
    ...takingArgs,
    grace: option("TIME", "how long after SIGTERM to send SIGKILL (10s)"),
  },
  examples: [
    ["lock run name:git-index -- git commit -m wip", "one at a time"],
    ["lock run dir:src --wait 10m -- ./codemod.sh", "once nobody else works in src"],
    ["lock run 'glob:**/*.ts' --shared --wait 60s -- bun test", "while nobody changes what is being tested"],
  ],
  notes: [
    "Like flock(1): CMD runs with this terminal's input and output while the locks are held. The exit status is that of CMD,",
    "or 128 plus the signal's number if a signal killed it. It is 3 if the locks could not be taken.",
    "",
    "The lease is renewed while CMD runs and released afterwards. If it is lost, or if `agentd lock run` is interrupted or",
    "killed, CMD and what it started get SIGTERM, and SIGKILL after the grace time. CMD can take more locks under the same",
    "lease: agentd lock acquire KEY --lease $AGENTD_LOCK_LEASE_ID",
  ].join("\n"),
  takesCommand: true,
  async run({ _: words, key, grace = "10s", ...given }, session) {
    const graceMs = readDuration(grace, "grace") * 1000;
    checkCommand(words);
    const request = await readLockRequest(key, given);
    const owner = request.owner ?? `run-${process.pid}`;
    return interruptible(graceMs, async (interrupted) => {
      const controls = { session, ...interrupted };
      // They end with the command, and so at the latest with the node it is run for; whose that is others may see.
      const { task_id, node_id } = nodeAround(process.env) ?? {};
      const taken = await takeLocks(session, { ...request, owner }, { task_id, node_id }, interrupted.stop);
      if (taken === null) return notTaken(controls, request);
      return runHeld(words, graceMs, taken, owner, request, controls);
    });
  },
});

async function notTaken({ session }: Controls, { locks }: LockRequest): Promise<Exit> {
  // Standard output is the command's, and it was not run.
  return session.globals.json ? 3 : session.sayNotNow(() => explainHeld(session, locks));
}

/** Runs the command while the lease is kept, and releases it. */
async function runHeld(
  words: string[],
  graceMs: number,
  taken: GrantedLocks,
  owner: string,
  { ttl_secs }: LockRequest,
  controls: Controls,
): Promise<Exit> {
  const { session } = controls;
  const { paths } = await session.locate();
  using client = new PatientClient(session);
  const environment = {
    AGENTD_HOME: paths.home,
    AGENTD_SOCKET_PATH: paths.socket,
    AGENTD_OWNER: owner,
    AGENTD_LOCK_LEASE_ID: taken.lease_id,
  };
  await using held = new AsyncDisposableStack();
  held.defer(() => release(client, taken, controls));
  const supervised = runSupervised(session.host.program, {
    command: words,
    environment,
    context: null,
    grace_ms: graceMs,
  });
  using _bound = bind(supervised, controls);
  await using lease = hold(lockLease(taken, client, ttl_secs), controls, supervised);
  const status = exitStatus(await supervised.ended());
  const { lost } = lease;
  if (lost !== undefined) {
    held.move();
    session.note(`the locks were lost while the command ran: ${lost.message}`);
  }
  // The command's own status, which may be any.
  process.exitCode = lost === undefined || status !== 0 ? status : 1;
  return 0;
}

/** A lease of locks that is to be kept. */
function lockLease(taken: GrantedLocks, client: PatientClient, ttl_secs: number | undefined): Keeping {
  const { lease_id } = taken;
  return {
    expiresAtMs: taken.lease_expires_at_ms,
    seq: taken.seq,
    endings: kindsOn("locks"),
    concerns: ({ payload }) => (payload as { lease_id?: string }).lease_id === lease_id,
    renew: (done) => client.call("HeartbeatResourceLock", { lease_id, ttl_secs }, done),
  };
}

async function release(
  client: PatientClient,
  { lease_id }: GrantedLocks,
  { session, giveUp }: Controls,
): Promise<void> {
  try {
    await client.callOnce("ReleaseResourceLock", { lease_id }, giveUp);
  } catch (cause) {
    if (cause instanceof RequestRefused && isLost(cause))
      session.note(`the locks were lost at the end: ${cause.message}`);
    else throw cause;
  }
}
