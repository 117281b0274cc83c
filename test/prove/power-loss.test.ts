import { Database } from "bun:sqlite";
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freshBinary } from "../../scripts/demo/binary.ts";
import { genesis } from "../../src/core/journal/journal.ts";
import { Place } from "../../scripts/prove/place.ts";
import { judgeImages } from "../../scripts/prove/power-loss/campaign.ts";
import { carelessCopy } from "../../scripts/prove/power-loss/careless.ts";
import { headIn, judge, type Truth } from "../../scripts/prove/power-loss/judge.ts";
import { record } from "../../scripts/prove/power-loss/record.ts";
import { suffixes } from "../../scripts/prove/power-loss/recording.ts";
import { buildShim } from "../../scripts/prove/shim.ts";
import { lacks } from "./needs.ts";

setDefaultTimeout(60_000);

const skipped = lacks("what the power-loss harness finds", "cc");
const place = new Place("power-loss-test");
afterAll(() => place[Symbol.dispose]());
const shim = skipped ? "" : await buildShim(place.path);

describe.skipIf(skipped)("the power-loss harness", () => {
  test("finds losses, and no damage, where commits are not synced", async () => {
    const program = carelessCopy(join(place.path, "careless"));
    const found = await judgeImages({ program, shim, directory: place.path, seed: 1, images: 40, stormy: false });
    expect(found.verdicts.lost).toBeGreaterThan(0);
    expect(found.verdicts).toMatchObject({ corrupt: 0, half: 0 });
    expect(found.first).toStartWith("lost: client");
  });
});

/** What a daemon left, and what its clients were answered. */
const { acknowledged } = skipped
  ? { acknowledged: [] }
  : await record({ program: [await freshBinary()], shim, directory: place.path, seed: 2, bursts: 3, stormy: false });

describe.skipIf(skipped)("an image is judged", () => {
  const path = join(place.path, "image.db");
  const pristine = join(place.path, "home", "agent_state.db");

  /** A fresh copy of what the daemon left, and what is true of it. */
  function specimen(): Truth {
    for (const suffix of suffixes) {
      rmSync(`${path}${suffix}`, { force: true });
      if (existsSync(`${pristine}${suffix}`)) copyFileSync(`${pristine}${suffix}`, `${path}${suffix}`);
    }
    return { acknowledged, heads: [headIn(path)] };
  }

  const journalRoot = "SELECT rootpage FROM sqlite_schema WHERE name = 'journal'";
  const everything = Number.MAX_SAFE_INTEGER;
  const first = acknowledged[0] ?? { key: "", answer: "", seq: 0, at: 0 };

  test.each<[string, string, (truth: Truth) => Truth]>([
    ["as whole", "whole", (truth) => truth],
    ["as half when it ends within a batch", "half", (truth) => ({ ...truth, heads: [genesis] })],
    [
      "as lost when the journal ends too early",
      "lost",
      (truth) => ({ ...truth, acknowledged: [{ ...first, seq: 99_999 }] }),
    ],
    [
      "as lost when an answer is not remembered",
      "lost",
      (truth) => ({ ...truth, acknowledged: [{ ...first, key: "?" }] }),
    ],
    [
      "as lost when another answer is remembered",
      "lost",
      (truth) => ({ ...truth, acknowledged: [{ ...first, answer: "{}" }] }),
    ],
    [
      "as corrupt when its journal is another's",
      "corrupt",
      (truth) => ({ ...truth, heads: truth.heads.map(({ seq }) => ({ seq, hash: genesis.hash })) }),
    ],
  ])("%s", (_, verdict, forge) => {
    expect(judge(path, everything, forge(specimen())).verdict).toBe(verdict as never);
  });

  test("by what was answered before the cut", () => {
    const late = [{ ...first, seq: 99_999, at: 100 }];
    expect(judge(path, 99, { ...specimen(), acknowledged: late }).verdict).toBe("whole");
  });

  test("as corrupt when a page is damaged", () => {
    const truth = specimen();
    // Folded in, so that the log does not hold the page once more.
    const db = new Database(path);
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    const { rootpage = 0 } = db.query<{ rootpage: number }, []>(journalRoot).get() ?? {};
    db.close(true);
    writeFileSync(path, readFileSync(path).fill(0, (rootpage - 1) * 4_096, rootpage * 4_096));
    expect(judge(path, everything, truth).verdict).toBe("corrupt");
  });
});
