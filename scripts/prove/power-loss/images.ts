/*
 * A process that rebuilds disk images of one recording and judges each. Reads an ImageOrder as JSON from the file its
 * argument names, prints Judged as JSON. The same order on the same recording gives the same images.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { genesis, type JournalHead } from "../../../src/core/journal/journal.ts";
import { Chance } from "../chance.ts";
import { Disk, type Fate, fates, writeImage } from "./disk.ts";
import { headIn, judge, type Judgement, type Truth } from "./judge.ts";
import { endsCommit, type Operation, readRecording } from "./recording.ts";
import type { Acknowledged, Recorded } from "./record.ts";

export interface ImageOrder extends Pick<Recorded, "recording"> {
  /** A file of them, as JSON. */
  acknowledged: string;
  /** One of its own. */
  directory: string;
  seed: number;
  images: number;
}

export interface Judged {
  images: number;
  commits: number;
  acknowledged: number;
  verdicts: Record<Judgement["verdict"], number>;
  /** The first image that is not whole: where the recording was cut, and what became of unsynced changes. */
  first: (Judgement & { operation: number; fate: Fate }) | null;
}

function judgeAll(order: ImageOrder): Judged {
  const operations = readRecording(readFileSync(order.recording));
  const acknowledged = JSON.parse(readFileSync(order.acknowledged, "utf8")) as Acknowledged[];
  mkdirSync(order.directory, { recursive: true });
  const path = join(order.directory, "image.db");
  const truth: Truth = { acknowledged, heads: headsOf(operations, path) };
  const verdicts = { whole: 0, corrupt: 0, half: 0, lost: 0 };
  let first: Judged["first"] = null;
  const chance = new Chance(order.seed);
  const cuts = cutsOf(operations, acknowledged, chance, order.images);
  const disk = new Disk();
  for (const [index, operation] of operations.entries()) {
    disk.apply(operation);
    for (let n = cuts.get(index) ?? 0; n > 0; n--) {
      const fate = chance.of(fates);
      writeImage(path, disk.image(fate, chance));
      const judgement = judge(path, operation.end, truth);
      verdicts[judgement.verdict]++;
      if (judgement.verdict !== "whole") first ??= { ...judgement, operation: index, fate };
    }
  }
  return { images: order.images, commits: truth.heads.length - 1, acknowledged: acknowledged.length, verdicts, first };
}

/** Where each commit left the journal, as the running daemon saw it: with every change kept. */
function headsOf(operations: readonly Operation[], path: string): JournalHead[] {
  const chance = new Chance(0);
  const heads = [genesis];
  const disk = new Disk();
  for (const [index, operation] of operations.entries()) {
    disk.apply(operation);
    const last = operations[index - 1];
    // The frame's header is followed by its page.
    if (last === undefined || !endsCommit(last)) continue;
    writeImage(path, disk.image("kept", chance));
    heads.push(headIn(path));
  }
  return heads;
}

/** How many images are cut after which operation: anywhere, and as often where an answer had just been read. */
function cutsOf(
  operations: readonly Operation[],
  acknowledged: readonly Acknowledged[],
  chance: Chance,
  images: number,
): Map<number, number> {
  const lastBefore = new Map<number, number>();
  for (const [index, { end }] of operations.entries()) lastBefore.set(end, index);
  const cuts = new Map<number, number>();
  for (let n = 0; n < images; n++) {
    const answered = lastBefore.get(chance.of(acknowledged).at);
    const cut = n % 2 === 0 && answered !== undefined ? answered : chance.below(operations.length);
    cuts.set(cut, (cuts.get(cut) ?? 0) + 1);
  }
  return cuts;
}

if (import.meta.main)
  console.log(JSON.stringify(judgeAll(JSON.parse(readFileSync(Bun.argv[2] ?? "", "utf8")) as ImageOrder)));
