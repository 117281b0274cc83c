import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../src/store/sqlite-store.ts";
import { acquire, complete, register, within } from "../store/story.ts";
import { type Scratch, scratch, serve } from "./daemon-process.ts";

/** A home in which one task ended in 1970, and one in this minute. */
function homeWithHistory(): Scratch {
  const place = scratch();
  mkdirSync(place.home, { mode: 0o700 });
  const store = openStore(join(place.home, "agent_state.db"), Date.now);
  within(store, () => {
    register(store, "old", { a: [] });
    acquire(store, "a");
    complete(store, "a");
    register(store, "young", { b: [] }, Date.now());
  });
  store.close();
  return place;
}

test("AGENTD_RETENTION_DAYS lets what is old leave as soon as the daemon starts, and the log tells", async () => {
  using place = homeWithHistory();
  await using daemon = await serve(place.home, { environment: { AGENTD_RETENTION_DAYS: "1" } });
  const client = await daemon.client();
  // It waits for the pruning to end.
  const verified = await client.request("VerifyJournal", {});
  expect(verified.result).toMatchObject({ ok: true, tasks: 1, pruned_rows: 3 });
  const [archive = ""] = readdirSync(join(place.home, "archive"));
  expect(daemon.log()).toContain(`pruned 1 tasks, 3 journal rows, to ${join(place.home, "archive", archive)}`);
});

test("without it everything stays", async () => {
  using place = homeWithHistory();
  await using daemon = await serve(place.home);
  const client = await daemon.client();
  expect((await client.request("VerifyJournal", {})).result).toMatchObject({ ok: true, tasks: 2, pruned_rows: 0 });
  expect(existsSync(join(place.home, "archive"))).toBe(false);
});
