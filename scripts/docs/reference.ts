import { framing, resourceLockModel, strictTransitions } from "../../src/protocol/describe.ts";
import { commonRefusals, type ErrorKind, errors, wireError } from "../../src/protocol/errors.ts";
import { limits } from "../../src/protocol/limits.ts";
import {
  definitions,
  eventChapter,
  exchange,
  fenced,
  objectChapter,
  parametersWords,
  paramsPart,
  resultPart,
  table,
} from "./reference-parts.ts";
import { task_id } from "../../src/protocol/methods/examples.ts";
import { aliasesOf, type MethodName, methodNames, methodRow } from "../../src/protocol/methods.ts";
import { type Setting, settings } from "../../src/protocol/settings.ts";
import { ignoredFields, warningKinds } from "../../src/protocol/warnings.ts";

/** The protocol's reference as Markdown: what docs/protocol.md holds. The same text from every build. */
export function protocolReference(): string {
  const chapters = [introduction(), requests(), errorChapter(), typeChapter(), limitChapter(), lifeCycles()];
  return `${[...chapters, eventChapter(), objectChapter(), methodIndex(), ...methodNames.map(methodChapter)].join("\n\n")}\n`;
}

const introduction = () => `# The agentd protocol: agentd-jsonl-v1

<!-- Generated from src/protocol by \`bun run docs\`. Edit the tables there, not this file. -->

A client opens the daemon's Unix stream socket, writes requests and reads answers. It may keep the connection for as
long as it likes, and send further requests before the first is answered. There is no greeting and no farewell: whoever
is done closes the connection.

The socket is \`$AGENTD_SOCKET_PATH\`, or else \`agentd.sock\` in \`$AGENTD_HOME\`, which is \`~/.agentd\` unless set. Its path
has at most ${limits.socketPathBytesMax} bytes. Only the user who runs the daemon may connect, unless \`${settings.socketMode.variable}=0660\`
lets the socket's group in. Connecting starts no daemon: where none listens, \`agentd health\` starts one, unless it was stopped
with \`agentd stop\`.

Framing: ${framing}.

${fenced("sh", `agentd start\nprintf '%s\\n' '{"id":1,"method":"Health"}' | nc -N -U ~/.agentd/agentd.sock`)}`;

const requests = () => `## Requests and answers

A request is an object with these members:

${table(
  ["member", "", "meaning"],
  [
    ["`method`", "required", "a method's name: `AcquireNextNode`, `acquire_next_node` or an alias"],
    ["`params`", "optional", "an object; fields the method does not know are ignored with a warning, see below"],
    ["`id`", "optional", "any JSON value, to tell answers apart; it comes back as it was sent"],
    ["`idempotency_key`", "optional", `a string of 1 to ${limits.idempotencyKeyCharsMax} characters, see below`],
    ["`strict`", "optional", "true refuses what would be ignored with a warning"],
  ],
)}

The answer carries the request's \`id\`, and either \`result\` or \`error\`. A request without an \`id\`, or with null,
gets an answer without one.

Answers on one connection come in the order of the requests. A request that waits, as with \`wait_ms\`, therefore holds up
the answers to all that follow it there: these are carried out, but the client does not hear of it before the wait is over.
Whoever waits for one thing and has a lease to renew uses a connection for each. What follows a request that takes long
because it changes much (thousands of nodes or locks) begins when that is done.

${exchange(
  { id: 1, method: "TaskStatus", params: { task_id } },
  { id: 1, error: wireError("NOT_FOUND", `there is no task ${task_id}; ListTasks lists the tasks`, { task_id }) },
)}

JSON is kept as sent, numbers to the letter: \`1.0\` stays \`1.0\`. Refused are duplicate keys, the key \`__proto__\`, half
a surrogate pair, and nesting beyond the limit.

A method that changes state answers after its change is on disk, and says with \`seq\` where the journal then stood.
Where its result is null, \`seq\` stands beside \`result\`.

### Warnings

Where a request was answered but looks like a mistake, the answer carries \`warnings\`, a list. It stands in \`result\`,
beside \`result\` where that is null, and in \`error.data\` of a refusal. An answer without a warning has no such field.

${exchange(
  { id: 2, method: "ListTasks", params: { limt: 10 } },
  {
    id: 2,
    result: {
      tasks: [],
      next_before: null,
      warnings: ignoredFields(
        [],
        { name: "ListTasks", params: methodRow("ListTasks").params, otherNames: [] },
        { limt: 10 },
        String,
      ),
    },
  },
)}

Each has a \`kind\` to switch on and a \`message\` for people:

${definitions(warningKinds)}

\`path\` says where an unknown field stands, and \`did_you_mean\` which field is most alike; \`task_ids\` are the other
tasks of a name. With \`"strict": true\` beside \`params\`, an unknown field is refused with \`INVALID_PARAMS\` instead, and
nothing is done.

### Idempotency keys

Any request of a method that changes state may carry an \`idempotency_key\`. A repetition of the request under the same
key, on any connection, changes nothing: it gets the first answer again, with \`"replayed": true\` beside \`result\`. The
daemon remembers a key for ${limits.idempotencyDays} days, also over a restart. Two requests are the same when their
parameters are, however these are written: \`null\` says the same as leaving a parameter out, and \`wait_ms\` may differ. The
same key with another method or other parameters is refused with \`IDEMPOTENCY_MISMATCH\`. While the first request still
waits for its answer, a repetition is refused with \`IDEMPOTENCY_PENDING\` and not executed. A client that lost its
connection, or was told \`OUTCOME_UNKNOWN\`, sends the request again under the same key.`;

const errorChapter = () => `## Errors

An \`error\` has a \`code\`, a \`message\` for people, and \`data\` for programs: \`kind\`, the name to switch on;
\`retryable\`, whether the same request can succeed later; and facts of the refusal, such as who holds the lease.

These answers are possible for any method and are not repeated below. The mutating methods can also give the second
group. After a refusal nothing was changed, except where the table says otherwise.

${errorTable(commonRefusals.any)}

Methods that change state:

${errorTable(commonRefusals.mutating)}

Given by the methods that name them:

${errorTable(specificRefusals())}`;

function specificRefusals(): ErrorKind[] {
  const common = new Set<ErrorKind>([...commonRefusals.any, ...commonRefusals.mutating]);
  return (Object.keys(errors) as ErrorKind[]).filter((kind) => !common.has(kind));
}

const errorTable = (kinds: readonly ErrorKind[]) =>
  table(
    ["kind", "code", "retryable", "meaning"],
    kinds.map((kind) => [
      `\`${kind}\``,
      String(errors[kind].code),
      errors[kind].retryable ? "yes" : "no",
      errors[kind].meaning,
    ]),
  );

const typeChapter = () => `## Types

${table(
  ["type", "meaning"],
  [
    ["`uuid`", "36 characters of any RFC 9562 version, in either case; lower case in answers"],
    ["`unix seconds`, `unix milliseconds`", "integer since 1970-01-01T00:00:00Z"],
    ["`seconds`, `milliseconds`", "integer span of time"],
    ["`iso time`", "string, `2026-01-31T12:34:56.789Z`"],
    ["`seq`", "integer; a place in the journal, counted from 1, or a fencing token"],
    ["`int`", "integer from 0 to 2^53 - 1; `integer` may be negative"],
    ["`revision`", "a git object id in full, 40 or 64 hexadecimal digits"],
    ["`uuid or name`", "string: a node of the task by its id or its name"],
    ["`head`", "string: a row of the journal as `SEQ:HASH`"],
    ["`json`", "any JSON value, kept as sent"],
    ["`[uuid]`, `[object]`", "a list of them; the rows below it, or the object of that name, show its members"],
    ["`{string: int}`", "an object of any keys"],
    ["`uuid?`", "optional; null means the same as leaving it out"],
    ["`uuid | null`", "always present, null if there is none"],
    ['`{"nullable": {…}}`', "the same for an object"],
    ['`{"one_of": […]}`', "one of these"],
  ],
)}`;

const limitChapter = () => `## Limits

Set by environment or in \`$AGENTD_HOME/.env\`; \`Health\` shows the values in force.

${table(["variable", "default", "least", "most", "meaning"], Object.values(settings).map(settingRow))}

Fixed: a page of \`ListTasks\` or \`ListEvents\` has at most ${limits.pageMax} entries, and one ListEvents asks for at most ${limits.actionTypesMax} action types; a wait lasts at most
${limits.waitMsMax} ms, and a lock asked for longer than ${limits.ttlSecsMax} seconds is cut to that. One AcquireNextNode
takes at most ${limits.acquireMax} nodes, fewer where their contexts pass ${limits.pageCharsMax} characters; that context ends its events, newest first, with
the one that passes ${limits.contextCharsMax} characters, and leaves out results of dependencies (\`result_omitted\`) that would pass
as many bytes together; one RegisterTask or AddNodes makes at most
${limits.newDependenciesMax} dependencies, those by \`expand_before\` included, and a task has at most ${limits.taskDependenciesMax}; TaskStatus tells at most ${limits.statusBytesMax} bytes of payloads and results
without \`node_id\`, and shows the newest ${limits.attemptsShownMax} attempts at a node. One request names at most ${limits.locksMax} locks, and a lease of several keys stores ${limits.leaseMetadataBytesMax} bytes of metadata, owner and provider, as often as there are keys; ListResourceLocks and CheckResourceLocks read at most ${limits.lockMetadataToldMax} bytes of it, leave the rest out (\`metadata_omitted\`, \`intent_omitted\`), and tell at most ${limits.lockReportCharsMax} characters of owners and intents; a lease holds
at most ${limits.leaseLocksMax}, a node declares at most ${limits.nodeResourcesMax}; ${limits.lockWaitersMax} requests may wait for locks,
as long as their keys take at most ${limits.lockWaitersBytesMax} bytes of memory. What one
request compares with held and waited for locks costs at most ${limits.lockStepsMax} steps, each the comparison of two characters.
In a resource key, a path has at most ${limits.pathCharsMax} characters and ${limits.pathDepthMax} directories; a glob, once its braces are expanded, ${limits.globCharsMax}
characters and ${limits.globWildcardsMax} wildcards; any other key ${limits.keyCharsMax} characters, unless \`AcquireResourceLock\` takes it in the global scope. A patch bundle touches at most ${limits.bundlePathsMax} paths in
${limits.bundleDirectoriesMax} directories.`;

function settingRow({ variable, notation, summary, ...numbers }: Setting): string[] {
  const written = (value: number) => (notation === "octal" ? `0${value.toString(8)}` : String(value));
  return [`\`${variable}\``, ...[numbers.default, numbers.min, numbers.max].map(written), summary];
}

const lifeCycles = () => `## Life of a node

                  RegisterTask
                       |
                       v
    .------------> [PENDING] --------------------------------.
    |                  |    ^                                |
    | ReleaseNode      |    |                                |
    | FailNode         |    '-----------------------.        |
    |  (attempts left) | AcquireNextNode            |        | a dependency FAILED
    | the lease        v                            |        |  (skip)
    | expires      [RUNNING] <---.                  |        | CancelTask
    '------------------|   |     | HeartbeatNode    |        |
                       |   '-----'                  |        |
           .-----------+-----------.      RetryNode |        |
           | CompleteNode          | FailNode       |        |
           |                       | CancelTask     |        |
           |                       | too many lost  |        |
           v                       v leases         |        |
      [COMPLETED]              [FAILED] ------------'        |
                                   ^                         |
                                   '-------------------------'

${definitions(strictTransitions)}

A node of its own is tried once. \`max_attempts\` lets \`FailNode\` make it PENDING again, after a pause drawn at random
from 0 to \`backoff_secs\`, doubled with each failure up to \`backoff_max_secs\`. A lease that expires counts apart: after
\`max_lost_attempts\` of them (${settings.maxLostAttempts.default} unless \`${settings.maxLostAttempts.variable}\` or the node says otherwise) the node is FAILED with
\`{"kind": "TOO_MANY_LOST_LEASES"}\`, so that a node which kills every worker does not loop for ever. This default is
the one departure from the original, which does loop: \`${settings.maxLostAttempts.variable}=0\` restores it. Leases of zero length, as under
\`AGENTD_NODE_TIMEOUT_SECS=0\` unless \`ttl_secs\` gives one, do not count as lost.

What FAILED for another reason says so in its \`result_payload\`: \`{"kind": "DEPENDENCY_FAILED", "node_ids": […]}\` for a node
with \`on_dependency_failure: "skip"\`, \`{"kind": "CANCELED", "reason": …}\` after CancelTask.

A node that went back to PENDING can be acquired again, under a new \`lease_id\` and a greater \`fencing_token\`. The
worker that lost it is refused with \`LEASE_LOST\`, whose \`data.reason\` says how its lease ended (\`EXPIRED\`, \`RELEASED\`,
\`FAILED\` or \`CANCELED\`), or with \`INVALID_STATE\` once the node has ended. It can still leave
what it found as an event: \`CommitEvent\` asks for the lease only while the node is RUNNING.

A lease ends at \`lease_expires_at_ms\`. A worker renews it with \`HeartbeatNode\` each third of that time, so that one late
heartbeat does no harm.

## State of a task

Derived from its nodes, never stored.

${table(
  ["state", "when"],
  [
    ["`ACTIVE`", "a node is running or can still run"],
    ["`COMPLETED`", "all nodes are COMPLETED"],
    ["`FAILED`", "nothing can run any more, and a node FAILED"],
  ],
)}

A PENDING node behind a failed one does not run until that is retried; \`TaskStatus\` names in \`blocked_by\` the failed
nodes it waits behind. A node with \`on_dependency_failure: "run"\` waits behind none of its own dependencies that FAILED.

Where \`AcquireNextNode\` answers null, \`TaskStatus\` tells why a PENDING node is not handed out. Either a node of its \`dependencies\` has not
ended yet, or \`blocked_by\` is not empty, or \`not_before_ms\` is yet to come, or \`held_back_by\` is the lease whose locks are in
the way (\`ListResourceLocks\` with that \`lease_id\` names its holder), or the task is \`paused\`, or \`labels\` asks for others.

## Life of a resource lock

            AcquireResourceLock(s), or with its node
    (free) ------------------------------------------> [HELD] <---.
      ^                                                 |  |      | HeartbeatResourceLock
      |  ReleaseResourceLock, the node ends             |  '------'
      |  the lease expires, ForceReleaseResourceLock    |
      '-------------------------------------------------'

${definitions(resourceLockModel)}`;

const methodIndex = () => `## Methods

Each has its parameters, its result, what it refuses with (see [Errors](#errors)), and an example.

- These change state, and take an \`idempotency_key\`: ${linksTo((name) => methodRow(name).mutates)}
- These only read: ${linksTo((name) => !methodRow(name).mutates)}`;

function linksTo(wanted: (name: MethodName) => boolean): string {
  const links = methodNames.filter(wanted).map((name) => `[${name}](#${name.toLowerCase()})`);
  return `${links.join(", ")}.`;
}

function methodChapter(name: MethodName): string {
  const { summary, refusals, example } = methodRow(name);
  const refused = refusals.map((kind) => `\`${kind}\``).join(", ");
  const names = aliasesOf(name).map((alias) => `\`${alias}\``);
  return `### ${name}

${summary} Also answers to ${names.join(", ")}.
${refused === "" ? "It has no refusals of its own." : `It is refused with ${refused}.`}${parametersWords(name)}

${[paramsPart(name), resultPart(name)].filter((part) => part !== "").join("\n\n")}

${exchange({ id: 1, method: name, params: example.params }, { id: 1, result: example.result })}`;
}
