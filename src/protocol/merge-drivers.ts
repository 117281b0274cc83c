/** How git merges a path, as patch bundles name it: by lines, unless attributes say otherwise. */
export const byLines = "text";

/** Git's own: `binary` is merged by nobody (`-merge`), `union` keeps the lines of both sides. */
export const ownDrivers: readonly string[] = [byLines, "binary", "union"];

const mark = "custom:";

/** A program of a repository's configuration, by its name there. */
export const customDriver = (name: string): string => `${mark}${name}`;
/** The name of such a program. */
export const programOf = (driver: string): string => driver.slice(driver.startsWith(mark) ? mark.length : 0);
