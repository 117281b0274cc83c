/* One spelling for paths, and for letters, that a file system may take for the same. Daemon and client compare alike. */

/**
 * A path without `.`, and without doubled or trailing `/`, in Unicode NFC. A glob may be split so, too: neither `/` nor `.`
 * as a segment means anything else in one, as no class holds a `/`, and none can be escaped.
 */
export function normalisedPath(text: string): { absolute: boolean; segments: string[] } {
  const segments = text.normalize("NFC").split("/");
  return {
    absolute: segments.length > 1 && segments[0] === "",
    segments: segments.filter((name) => name !== "" && name !== "."),
  };
}

/**
 * Full case folding, a character at a time: upper case, then lower, until nothing changes. `ß`, `ẞ` and `SS` are one, as
 * are `ﬁ` and `FI`, the sigmas, `K` and the Kelvin sign: APFS takes them for one name, NTFS tells some apart. `İ` is `i`
 * with a dot above. Dotless `ı` is `i`, which no file system says: in doubt a name too many is locked, not one too few.
 * Upper and lower case are those of the runtime's Unicode, in no language in particular.
 */
export const foldCase = (text: string): string =>
  ascii.test(text) ? text.toLowerCase() : Array.from(text, foldCharacter).join("");

const ascii = /^[\0-\x7f]*$/;
const once = (character: string) => character.toUpperCase().toLowerCase();
/** Twice: `ẞ` becomes `ß` first, and that `ss`. */
export const foldCharacter = (character: string): string => once(once(character));

/** A path of a bundle as it is compared: names that a file system may keep only one of are alike. */
export const foldedPath = (path: string): string => foldCase(path.normalize("NFC"));

/** The directories in which a relative path lies, the topmost first, without the root. */
export function directoriesOver(path: string): string[] {
  const directories: string[] = [];
  for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1))
    directories.push(path.slice(0, slash));
  return directories;
}
