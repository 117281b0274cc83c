import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freshBinary } from "../demo/binary.ts";
import { Place } from "./place.ts";
import { carelessCopy } from "./power-loss/careless.ts";
import { type Campaign, judgeImages, type Totals } from "./power-loss/campaign.ts";
import { Disproved, type Order, type Row, thousands } from "./proof.ts";
import { buildShim } from "./shim.ts";

/** Of four images, how many are of recordings in which syncs fail now and then. */
const stormyShare = 1 / 4;
/** Of as many images of a daemon that does not sync some surely lack what was acknowledged. */
const controlImagesMin = 40;

/**
 * Promise 1: what was acknowledged survives power loss. The daemon's writes and syncs are recorded, and disks rebuilt as
 * they may be after a cut anywhere in between; each is opened by the store itself. The same is done to a daemon that
 * does not sync its commits, of which losses must be found.
 *
 * The seed repeats the requests, the ends of the daemon, and the choice of cuts. What clients do meanwhile, and so the
 * recording, the kernel decides: a recording with a loss is kept, and gives the same images again. `amount` is the
 * number of images.
 */
export async function provePowerLoss({ seed, amount, log }: Order): Promise<Row> {
  using place = new Place("power-loss");
  const shim = await buildShim(place.path);
  const program = [await freshBinary()];
  let judged = 0;
  const onJudged = (images: number) => {
    judged += images;
    if (judged % 1_000 < images) log(`${thousands(judged)} images`);
  };
  const judgeShare = async (name: string, campaign: Partial<Campaign>) => {
    const directory = join(place.path, name);
    mkdirSync(directory);
    return judgeImages({ program, shim, directory, seed, images: amount, stormy: false, onJudged, ...campaign });
  };
  const stormyImages = Math.ceil(amount * stormyShare);
  const calm = await judgeShare("calm", { images: amount - stormyImages });
  const stormy = await judgeShare("stormy", { images: stormyImages, stormy: true });
  const broken = calm.first ?? stormy.first;
  if (broken !== null) throw new Disproved(`${broken}; all of it is kept in ${place.keep()}`);

  const careless = carelessCopy(join(place.path, "sources"));
  const control = await judgeShare("careless", {
    program: careless,
    images: Math.max(controlImagesMin, Math.ceil(amount / 20)),
  });
  refuseBlindness(control);
  const { lost } = control.verdicts;
  return {
    promise: "1",
    method: "power loss",
    amount: `${thousands(calm.images + stormy.images)} images, ${thousands(stormy.images)} with failed syncs`,
    result: `0 acknowledged lost, 0 corrupt, 0 half batches; with NORMAL ${thousands(lost)} of ${thousands(control.images)} lose some`,
    seed,
  };
}

/** A harness that finds nothing where something is wrong, or something else, has shown nothing. */
function refuseBlindness({ verdicts, images, first }: Totals): void {
  if (verdicts.lost === 0) throw new Disproved(`none of ${images} images lost anything although no commit was synced`);
  if (verdicts.corrupt > 0) throw new Disproved(`commits without syncs damaged a database: ${first}`);
}
