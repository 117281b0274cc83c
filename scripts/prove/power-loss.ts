import { join } from "node:path";
import { freshBinary } from "../demo/binary.ts";
import { Place } from "./place.ts";
import { carelessCopy } from "./power-loss/careless.ts";
import { judgeImages, type Totals } from "./power-loss/campaign.ts";
import { Disproved, type Order, type Row, thousands } from "./proof.ts";
import { buildShim } from "./shim.ts";

/**
 * Promise 1: what was acknowledged survives power loss. The daemon's writes and syncs are recorded, and disks rebuilt as
 * they may be after a cut anywhere in between; each is opened by the store itself. The same is done to a daemon that
 * does not sync its commits, of which losses must be found.
 *
 * The seed repeats the requests, the ends of the daemon, and the choice of cuts. What clients do meanwhile, and so the
 * recording, the kernel decides: a recording with a loss is kept.
 */
export async function provePowerLoss({ seed, amount, log }: Order): Promise<Row> {
  using place = new Place("power-loss");
  const shim = await buildShim(place.path);
  const common = { shim, directory: place.path, seed };
  let images = 0;
  const onJudged = (_: string, judged: { images: number }) => {
    images += judged.images;
    if (images % 1_000 < judged.images) log(`${thousands(images)} images`);
  };
  const found = await judgeImages({
    ...common,
    program: [await freshBinary()],
    images: amount,
    stormy: false,
    onJudged,
  });
  if (found.first !== null) throw new Disproved(`${found.first}; recording and image are kept in ${place.keep()}`);

  const program = carelessCopy(join(place.path, "careless"));
  const careless = await judgeImages({ ...common, program, images: Math.ceil(amount / 20), stormy: false });
  refuseBlindness(careless);
  const { lost } = careless.verdicts;
  const control = `without syncs ${thousands(lost)} of ${thousands(careless.images)} lose some`;
  return {
    promise: "1",
    method: "power loss",
    amount: `${thousands(found.images)} images of ${thousands(found.commits)} commits`,
    result: `0 acknowledged lost, 0 corrupt, 0 half batches; ${control}`,
    seed,
  };
}

/** A harness that finds nothing where something is wrong, or something else, has shown nothing. */
function refuseBlindness({ verdicts, images, first }: Totals): void {
  if (verdicts.lost === 0) throw new Disproved(`none of ${images} images lost anything although no commit was synced`);
  if (verdicts.corrupt > 0) throw new Disproved(`commits without syncs damaged a database: ${first}`);
}
