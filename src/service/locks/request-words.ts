import type { Request } from "../../protocol/envelope.ts";
import type { PlacedWord } from "../../protocol/key-words.ts";
import type { Settings } from "../../protocol/settings.ts";
import { validateCall } from "../validate-call.ts";
import { mayBear, readsFromDirectory, scopesOf, wordsOf } from "./placing.ts";

/** What a request names that only the file system can tell about, before its turn. */
export interface Named {
  /** Keys that are read from a directory. */
  words: readonly PlacedWord[];
  /** Scopes whose file system may or may not tell names apart by case. */
  scopes: ReadonlySet<string>;
}

/**
 * What has to be looked up for a request; null where that is nothing. Only what fits the method's schema is looked at, and
 * so is bounded by it; of scopes those that are new.
 */
export function namedBy(
  request: Request,
  isNew: (scope: string) => boolean,
  settings: Pick<Settings, "taskNodesMax">,
): Named | null {
  // Most requests name nothing, and are read once, in their turn.
  if (!mayBear(request.params)) return null;
  const mayName = readsFromDirectory(request.params) || [...scopesOf(request.params)].some(isNew);
  if (!mayName) return null;
  const call = validateCall(request, settings);
  if (typeof call === "string" || call.refusal !== null) return null;
  const words = readsFromDirectory(call.params) ? wordsOf(call.params) : [];
  const scopes = new Set([...scopesOf(call.params)].filter(isNew));
  return words.length === 0 && scopes.size === 0 ? null : { words, scopes };
}
