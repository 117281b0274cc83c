import { tellStories } from "../../../test/service/model/stories.ts";
import { prepareLazily } from "./lazy-statements.ts";

/*
 * A worker of the model proof: `tell.ts SEED STORIES` prints what happened in that many stories. With `first` after that
 * it does not look for the shortest story in which something is wrong.
 */

/** Some stories have as many as this. */
const commandsMax = 300;

const [seed, numRuns] = process.argv.slice(2, 4).map(Number);
const endOnFailure = process.argv[4] === "first";
if (seed === undefined || numRuns === undefined) throw new Error("tell.ts SEED STORIES");
prepareLazily();
try {
  const seen = tellStories({ seed, numRuns, endOnFailure }, commandsMax);
  console.log(JSON.stringify({ ...seen, actions: [...seen.actions] }));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
