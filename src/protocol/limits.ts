/**
 * Limits that are part of the contract. Those a user may change have a row in `settings.ts` as well, where these are
 * the defaults.
 */
export const limits = {
  /** One request line, its newline included. */
  requestBytesMax: 1 << 20,
  /** Nested arrays and objects in one request, the request's own braces included. */
  depthMax: 32,
  /** A file, or standard input, that a command reads as a whole: as much as any request may have. */
  inputBytesMax: 64 << 20,
  envFileBytesMax: 1 << 20,
  /** Requests that share one turn of the event loop and one commit. */
  batchRequestsMax: 256,
  connectionsMax: 256,
  /** Answers a client may leave unread before it is disconnected. */
  unreadBytesMax: 4 << 20,
  /** Unfinished and unanswered requests and unread answers of all clients together. */
  clientsBytesMax: 64 << 20,
  /** What a request takes in memory once it is read, at the most, for each byte of its line: `[],` is an object. */
  memoryPerByte: 10,
  /** How many times `clientsBytesMax` all may keep for a moment, as long as they move. */
  clientsBurst: 2,
  /** One answer, as the client takes it: TaskStatus of a large task is far longer than any request may be. */
  answerBytesMax: 256 << 20,
  taskNodesMax: 10_000,
  activeNodesMax: 1_000_000,
  nodeDependenciesMax: 1_000,
  idempotencyKeyCharsMax: 200,
  /** How long an idempotency key keeps its answer. */
  idempotencyDays: 7,
  /** One page of ListEvents or ListTasks. */
  pageMax: 1_000,
  /** A page ends after the row with which its payloads, or goals, pass this many characters. */
  pageCharsMax: 1 << 20,
  /** Characters of events that the context of an acquired node shows, and bytes of the results of its dependencies. */
  contextCharsMax: 8 << 20,
  /** Kinds of events one ListEvents may ask for. */
  actionTypesMax: 1_000,
  /** Journal rows or tasks one page may look at before it answers with what it has. */
  pageScanMax: 10_000,
  /** Longest wait a request may ask for. */
  waitMsMax: 600_000,
  /** Longest lease: a hundred years. A longer wish is cut to this, so that deadlines stay exact integers. */
  ttlSecsMax: 3_155_760_000,
  /** Longest backoff or delay: a year. */
  spanSecsMax: 31_536_000,
  /** Longest pause between two attempts unless a node says otherwise. */
  backoffMaxSecs: 3_600,
  attemptsMax: 1_000,
  /** Priorities lie between this and its negative. */
  priorityMax: 1_000_000,
  /** Tasks of one name that are looked at when another gets it: the newest. */
  namesakesMax: 100,
  /** A task's or node's name, and each label's name and value. */
  nameCharsMax: 200,
  labelsMax: 32,
  /** Nodes one AcquireNextNode may take; fewer where their contexts pass `pageCharsMax`. */
  acquireMax: 100,
  /** Dependencies one RegisterTask or AddNodes makes, those by `expand_before` included. */
  newDependenciesMax: 30_000,
  /** Dependencies of all nodes of one task. */
  taskDependenciesMax: 200_000,
  /** Payloads and results that one TaskStatus tells of all nodes of a task, in bytes. */
  statusBytesMax: 32 << 20,
  /** Attempts at one node that TaskStatus shows, the newest. */
  attemptsShownMax: 100,
  /** Keys of one lock request. */
  locksMax: 256,
  /** What a lease of several keys stores of metadata, owner and provider, which it does with each of them; in bytes. */
  leaseMetadataBytesMax: 1 << 20,
  /** Metadata that one ListResourceLocks or CheckResourceLocks reads, in bytes: what passes it is left out. */
  lockMetadataToldMax: 8 << 20,
  /** Characters of owners, providers and intents that one of them tells. */
  lockReportCharsMax: 32 << 20,
  /** Keys one lease may hold. */
  leaseLocksMax: 1_000,
  /** Lock requests that wait at once. */
  lockWaitersMax: 1_000,
  /** Memory the keys of all of them may take. */
  lockWaitersBytesMax: 16 << 20,
  /** What one request may cost in comparing locks, in steps: a step compares two characters of patterns. */
  lockStepsMax: 2_000_000,
  /** An opaque resource key; the original's calls take any. */
  keyCharsMax: 4_096,
  /** A path in a resource key or a patch bundle, as Linux takes them (PATH_MAX). */
  pathCharsMax: 4_096,
  /** Directories and the file in one path. */
  pathDepthMax: 64,
  /** A glob, and all its alternatives together once the braces are expanded. */
  globCharsMax: 1_024,
  /** Wildcards of a glob, of all its alternatives together. */
  globWildcardsMax: 256,
  /** Holders, or waiting requests, CheckResourceLocks shows of one key. */
  lockPartiesShownMax: 100,
  scopeCharsMax: 4_096,
  /** Names of paths one request's keys may lead over while they are resolved, those of links included. */
  resolutionStepsMax: 100_000,
  /** Resource keys one node may declare. */
  nodeResourcesMax: 64,
  /** A diff, in UTF-8. */
  diffBytesMax: 512 << 10,
  /** What takes time is their number. Bytes come first where lines are as long as people write them. */
  diffLinesMax: 20_000,
  /** Files that one diff may change. */
  diffFilesMax: 2_000,
  /** Paths one patch bundle may touch. */
  bundlePathsMax: 4_000,
  /** Directories they lie in, each with all that are above it. */
  bundleDirectoriesMax: 16_000,
  bundleAssumptionsMax: 100,
  bundleVerificationsMax: 50,
  /** What is kept of a command's output. */
  outputTailCharsMax: 16_384,
  /** Bundles one ComparePatchBundles compares. */
  bundlesComparedMax: 200,
  /** Paths that have changed since one revision, as one ComparePatchBundles is told. */
  changedPathsMax: 100_000,
  /** Open bundles a new one is compared with as it is submitted: the newest that touch its paths. */
  bundleOverlapsMax: 50,
  progressMessageCharsMax: 1_000,
  reasonCharsMax: 10_000,
  /** A Unix socket path ordinary clients can open (`sun_path` less its terminator on the narrowest system). */
  socketPathBytesMax: 103,
} as const;

export type Limits = Readonly<Record<keyof typeof limits, number>>;

/** An id, as a text. */
const idChars = 36;
/** No date is later. */
const lastMs = 8.64e15;
/** What a node takes in a TaskStatus beside its payloads and dependencies: a hundred ids of what blocks it, and some words. */
const nodeBytes = 5_000;

/** What the program counts on, each with what would go wrong. */
const relations: readonly [holds: (its: Limits) => boolean, why: string][] = [
  [(its) => its.requestBytesMax <= its.inputBytesMax, "a command could not read what a request may hold"],
  [(its) => its.diffBytesMax < its.requestBytesMax, "a diff would not fit in a request"],
  [(its) => its.depthMax > 2, "no result of a command would fit in a request, which is two deep itself"],
  [(its) => its.pageMax <= its.pageScanMax, "no page could be full"],
  [(its) => its.locksMax <= its.leaseLocksMax, "one request could name more locks than it may have"],
  [(its) => its.nodeResourcesMax <= its.leaseLocksMax, "a node could declare more than it may hold, and never run"],
  [
    (its) => its.nodeDependenciesMax <= its.newDependenciesMax && its.newDependenciesMax <= its.taskDependenciesMax,
    "a node could not be registered with as many dependencies as it may have",
  ],
  [(its) => 2 * its.diffFilesMax <= its.bundlePathsMax, "a diff of renames, which touch two paths each, would not fit"],
  [(its) => its.backoffMaxSecs <= its.spanSecsMax, "the default of a span would be none"],
  [(its) => Number.isFinite(2 ** its.attemptsMax), "a pause that is doubled before each attempt would be no number"],
  [(its) => its.nameCharsMax >= idChars, "a node could not be called by its id"],
  [(its) => its.waitMsMax < 2 ** 31, "a timer would be over at once"],
  [(its) => its.idempotencyDays * 86_400_000 > its.waitMsMax, "an answer would be forgotten while it is waited for"],
  [
    (its) => lastMs + 1_000 * Math.max(its.ttlSecsMax, its.spanSecsMax) <= Number.MAX_SAFE_INTEGER,
    "deadlines would be no exact integers",
  ],
  [(its) => its.pathDepthMax <= its.resolutionStepsMax, "a path that is deep enough could not be resolved"],
  // A step for each directory, and one for all under it. A glob has at most half as many segments as characters, and two
  // more for each `**` in a name, whose alternatives double.
  [
    (its) =>
      its.pathDepthMax + 1 < its.globCharsMax &&
      its.globCharsMax / 2 + 2 * Math.log2(1 + its.globWildcardsMax) + 2 < its.globCharsMax,
    "patterns would be compared in rows that end before they do",
  ],
  [
    (its) =>
      its.statusBytesMax + nodeBytes * its.taskNodesMax + (idChars + 3) * its.taskDependenciesMax <= its.answerBytesMax,
    "the client would refuse the status of a large task",
  ],
  [(its) => its.socketPathBytesMax < 104, "the socket's path would not fit into a `sun_path` of macOS"],
];

/** @throws where limits contradict each other, which is looked at when the program starts */
export function assertRelations(its: Limits): void {
  const broken = relations.find(([holds]) => !holds(its));
  if (broken !== undefined) throw new Error(`the limits contradict each other: ${broken[1]}`);
}

assertRelations(limits);
