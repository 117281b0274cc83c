import type { Request } from "../protocol/envelope.ts";
import type { PlacedWord } from "../protocol/key-words.ts";
import { prepareCall } from "./execute.ts";
import { readsFromDirectory, wordsOf } from "./placing.ts";

/** The words of a request that have to be resolved before its turn; none where it will be refused for its form. */
export function wordsToResolve(request: Request): PlacedWord[] {
  if (!readsFromDirectory(request.params)) return [];
  const call = prepareCall(request);
  return typeof call === "string" ? [] : wordsOf(call.params);
}
