import { type Fields, Unreadable } from "./agent.ts";

const begin = "*** Begin Patch";
const names = /^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+?)\r?$/gm;

/**
 * Paths a patch touches, in the form `apply_patch` tools take: added, updated and deleted ones, and both ends of a move. It
 * is found in whichever field holds it.
 * @throws {Unreadable} when there is no patch, or it names no file
 */
export function patchedPaths(input: Fields): string[] {
  const patches = Object.values(input).filter((value) => typeof value === "string" && value.includes(begin));
  const paths = patches.flatMap((patch) => Array.from(String(patch).matchAll(names), ([, path = ""]) => path.trim()));
  if (paths.length === 0) throw new Unreadable("the agent did not say which files its patch changes");
  return paths;
}
