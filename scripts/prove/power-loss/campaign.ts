import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { inLanes } from "../lanes.ts";
import { Disproved } from "../proof.ts";
import type { ImageOrder, Judged } from "./images.ts";
import { record } from "./record.ts";

export interface Campaign {
  program: readonly string[];
  shim: string;
  directory: string;
  seed: number;
  images: number;
  /** Whether syncs fail now and then. */
  stormy: boolean;
  /** Told whenever so many more have been judged. */
  onJudged?: (images: number) => void;
}

export type Totals = Omit<Judged, "first"> & { first: string | null };

const lanes = 2;
const imagesPerRecording = 400;
const burstsShort = 3;
/** Enough for syncs to fail, to work again, and for something to be acknowledged after that. */
const burstsStormy = 8;
/** Enough for SQLite to fold the log into the database on its own, which it does after a thousand pages. */
const burstsLong = 20;

/** Makes recordings of a daemon and images of each; every eighth recording is a long one. */
export async function judgeImages(campaign: Campaign): Promise<Totals> {
  const recordings = Math.max(lanes, Math.ceil(campaign.images / imagesPerRecording));
  const share = Math.ceil(campaign.images / recordings);
  const jobs = Array.from({ length: recordings }, (_, n) => n);
  return (await inLanes(lanes, jobs, async (n) => judgeOne(campaign, n, share))).reduce(sum);
}

async function judgeOne({ onJudged, ...campaign }: Campaign, n: number, images: number): Promise<Totals> {
  const directory = join(campaign.directory, `recording-${n}`);
  mkdirSync(directory);
  const seed = campaign.seed + n;
  const bursts = n % 8 === 7 ? burstsLong : campaign.stormy ? burstsStormy : burstsShort;
  const { recording, acknowledged } = await record({ ...campaign, directory, seed, bursts });
  const answers = join(directory, "acknowledged.json");
  await Bun.write(answers, JSON.stringify(acknowledged));
  const judged = await judge({ recording, acknowledged: answers, directory: join(directory, "image"), seed, images });
  onJudged?.(judged.images);
  const { first, ...counts } = judged;
  if (judged.verdicts.whole === judged.images) rmSync(directory, { recursive: true });
  const where = first && `recording ${n}, after operation ${first.operation}, unsynced changes ${first.fate}`;
  const again = `judged again by: bun scripts/prove/power-loss/images.ts ${join(directory, "order.json")}`;
  return { ...counts, first: first && `${first.verdict}: ${first.why} (${where}; ${again})` };
}

/** Opening a thousand databases, some of them broken, is for a process of its own. */
async function judge(order: ImageOrder): Promise<Judged> {
  const path = join(dirname(order.recording), "order.json");
  await Bun.write(path, JSON.stringify(order));
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "images.ts"), path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const output = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Disproved(`the images of ${order.recording} could not be judged`);
  return JSON.parse(output) as Judged;
}

function sum(one: Totals, other: Totals): Totals {
  const verdicts = { ...one.verdicts };
  for (const verdict of Object.keys(verdicts) as (keyof typeof verdicts)[])
    verdicts[verdict] += other.verdicts[verdict];
  return {
    images: one.images + other.images,
    commits: one.commits + other.commits,
    acknowledged: one.acknowledged + other.acknowledged,
    verdicts,
    first: one.first ?? other.first,
  };
}
