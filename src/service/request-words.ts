import type { Request } from "../protocol/envelope.ts";
import type { PlacedWord } from "../protocol/key-words.ts";
import { prepareCall } from "./execute.ts";
import { readsFromDirectory, scopesOf, wordsOf } from "./placing.ts";

/** What a request names that only the file system can tell about, before its turn. */
export interface Named {
  /** Keys that are read from a directory. */
  words: readonly PlacedWord[];
  /** Scopes whose file system may or may not tell names apart by case. */
  scopes: ReadonlySet<string>;
}

/** What has to be looked up for a request; no words where it will be refused for its form. */
export function namedBy(request: Request): Named {
  const scopes = scopesOf(request.params);
  if (!readsFromDirectory(request.params)) return { words: [], scopes };
  const call = prepareCall(request);
  return { words: typeof call === "string" ? [] : wordsOf(call.params), scopes };
}
