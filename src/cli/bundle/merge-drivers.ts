import { byLines, customDriver, ownDrivers } from "../../protocol/merge-drivers.ts";
import type { PrivateRepository } from "../git/private-repository.ts";
import { attributesOf } from "../git/git.ts";

/**
 * How git merges paths by the attributes of two trees, as it reads them itself: by path, one driver, or two where the trees
 * do not agree. What it merges by lines in both is left out. `binary` is merged by nobody, `union` keeps the lines of both
 * sides, and `custom:NAME` is a program of this repository's configuration.
 */
export async function mergeDrivers(
  privateRepository: PrivateRepository,
  trees: readonly [base: string, head: string],
  paths: readonly string[],
): Promise<Record<string, string[]>> {
  const [base, head] = [
    await driversIn(privateRepository, trees[0], paths),
    await driversIn(privateRepository, trees[1], paths),
  ];
  const found: Record<string, string[]> = {};
  for (const [i, path] of paths.entries()) {
    const drivers = [...new Set([base[i] ?? byLines, head[i] ?? byLines])];
    if (drivers.some((driver) => driver !== byLines)) found[path] = drivers;
  }
  return found;
}

/** An index of our own is all git takes attributes from: before 2.40 it reads them from no tree. */
async function driversIn(
  privateRepository: PrivateRepository,
  tree: string,
  paths: readonly string[],
): Promise<string[]> {
  const here = await privateRepository.indexOf(tree, "attributes-index");
  const asked = paths.map((path) => `${path}\0`).join("");
  const told = await privateRepository.text(["check-attr", "--cached", "-z", "--stdin", "merge"], asked, here);
  return attributesOf(told).map(({ value }) => driverOf(value, privateRepository));
}

/** What git makes of the attribute's value. */
function driverOf(value: string, { drivers }: PrivateRepository): string {
  if (value === "unset") return "binary";
  if (drivers.has(value)) return customDriver(value);
  return ownDrivers.includes(value) ? value : byLines;
}
