import type { Located } from "../../client/find.ts";
import type { Result } from "../../protocol/methods.ts";
import { BadSetting, readSettings, settings, settingsGiven } from "../../protocol/settings.ts";

/** How to make all of one mind. */
export const agree =
  "`agentd restart` makes the daemon use the settings of this shell; settings for every shell belong in";

/**
 * Where the running daemon goes by something else than a daemon started from this shell would: whoever started it gave it
 * its settings. Empty for an older daemon, which does not tell.
 */
export function settingsThatDiffer(health: Partial<Result<"Health">>, { environment, paths }: Located): string[] {
  const { settings: theirs = {}, home, database_path: database } = health;
  const ours = settingsOr(environment, (error) => error.message);
  if (typeof ours === "string") return [ours];
  const differing = Object.entries(theirs)
    .filter(([name, value]) => ours[name] !== undefined && ours[name] !== value)
    .map(([name, value]) => `${name} is ${value} for the daemon and ${ours[name]} here`);
  const places: [string, string | undefined, string][] = [
    ["the home", home, paths.home],
    ["the database", database, paths.database],
  ];
  for (const [what, itsOwn, here] of places) {
    if (itsOwn !== undefined && itsOwn !== here) differing.push(`${what} is ${itsOwn} for the daemon and ${here} here`);
  }
  return differing;
}

function settingsOr<T>(environment: Located["environment"], otherwise: (error: BadSetting) => T) {
  try {
    return settingsGiven(readSettings(environment));
  } catch (error) {
    if (error instanceof BadSetting) return otherwise(error);
    throw error;
  }
}

/** The settings that this shell, and no file, gives to a daemon that it starts. */
export function settingsOfShell(shell: Readonly<Record<string, string | undefined>>): string[] {
  return Object.values(settings)
    .filter(({ variable }) => shell[variable] !== undefined)
    .map(({ variable }) => `${variable}=${shell[variable]}`);
}
