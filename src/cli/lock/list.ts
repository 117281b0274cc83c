import type { Result } from "../../protocol/methods.ts";
import { command, flag, option, requiredArgumentList } from "../command.ts";
import { Failure } from "../exits.ts";
import { takingArgs } from "./acquire.ts";
import { shortener } from "../ids.ts";
import { checkedLines } from "./text.ts";
import { type Here, locateHere, resolveKeys } from "./keys.ts";
import { ownerOf } from "../environment.ts";
import { knownOwner } from "./release.ts";
import { type Column, briefMoment, momentText, oneLine, spanText, table } from "../text.ts";
import { readList } from "../values.ts";

type Lock = Result<"ListResourceLocks">["locks"][number];

export const list = command({
  args: {
    mine: flag("only what you hold, by --owner or $AGENTD_OWNER"),
    owner: option("NAME", "only what this owner holds"),
    here: flag("only locks of this repository"),
    scope: option("SCOPE", "only locks of this scope; '' is the global scope"),
  },
  examples: [
    ["lock list", "who holds what, since when, for how much longer, and how many wait"],
    ["lock list --here --json", "this repository's locks, for a program"],
    ["lock list --mine", "what $AGENTD_OWNER holds"],
  ],
  async run({ mine, owner, here, scope }, session) {
    if (here === true && scope !== undefined) throw new Failure("USAGE", "--here is a scope; give one of the two");
    const of = mine === true ? knownOwner(owner) : owner;
    const place = await locateHere();
    if (here === true && place.scope === null)
      throw new Failure("USAGE", `${process.cwd()} is in no git repository; --scope '' is for the locks of none`);
    const only = here === true ? place.scope : scope;
    const answer = await session.call("ListResourceLocks", { owner: of, scope: only === "" ? undefined : only });
    // The daemon gives all scopes where none is named, and the global one has no name.
    const locks = only === "" ? answer.locks.filter((lock) => lock.scope === null) : answer.locks;
    session.show({ ...answer, locks }, () => locksText(locks, place, Date.now()));
  },
});

export const check = command({
  args: {
    path: requiredArgumentList("a path, from here; or a key, such as dir:src"),
    shared: flag("check for a shared lock instead of an exclusive one"),
    owner: option("NAME", "ignore this owner's own locks ($AGENTD_OWNER)"),
    scope: takingArgs.scope,
  },
  examples: [
    ["lock check src/lib.rs docs", "whether these files are free, or who holds them"],
    ["lock check dir:src name:git-index", "the same for a directory and a name"],
  ],
  notes: "Exit status 3 if somebody else holds or waits for one of them.",
  async run({ path, shared, owner, scope }, session) {
    const given = readList(path);
    const mode = shared === true ? ("shared" as const) : ("exclusive" as const);
    const locks = (await resolveKeys(given, scope, "take")).map((key) => ({ ...key, mode }));
    const answer = await session.call("CheckResourceLocks", { locks, owner: ownerOf(owner) });
    const here = await locateHere();
    session.show(answer, () => answer.locks.flatMap((one) => checkedLines(one, here, Date.now())).join("\n"));
    return answer.locks.every(({ free }) => free) ? 0 : 3;
  },
});

/** Locks as a table. */
function locksText(locks: readonly Lock[], here: Here, nowMs: number): string {
  const brief = shortener(locks.map(({ lease_id: id }) => id));
  const shape: Column<Lock>[] = [
    ["KEY", (lock) => oneLine(here.wordFor(lock), 200), { gives: true }],
    ["MODE", ({ mode }) => (mode === "shared" ? mode : "")],
    ["OWNER", ({ owner, provider }) => oneLine(provider === null ? owner : `${owner} (${provider})`, 40)],
    ["SINCE", (lock) => momentText(lock.acquired_at), { brief: briefMoment }],
    ["LEFT", (lock) => spanText((lock.lease_expires_at_ms - nowMs) / 1000) + (lock.ends_with_node ? " (node)" : "")],
    ["WAITING", ({ waiting }) => (waiting === 0 ? "" : String(waiting))],
    ["SCOPE", ({ scope }) => oneLine(scope ?? "", 60), { gives: true }],
    ["LEASE", (lock) => lock.lease_id, { brief }],
    ["FOR", purposeOf, { gives: true }],
  ];
  return table(locks, shape, "no resource lock is held");
}

/** What a holder says it does; else whatever it says. */
function purposeOf({ metadata, metadata_omitted: omitted }: Lock): string {
  if (omitted === true) return "(too long to tell)";
  const { intent, ...rest } = (metadata ?? {}) as { intent?: unknown };
  if (typeof intent === "string") return oneLine(intent, 60);
  return Object.keys(rest).length === 0 && intent === undefined ? "" : oneLine(JSON.stringify(metadata), 40);
}
