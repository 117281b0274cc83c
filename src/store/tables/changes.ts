import type { Changes } from "bun:sqlite";

/** What was to change is there. That it is not is a bug: the unit is undone, and nothing is journalled of it. */
export function expectChange({ changes }: Changes, what: string, id = ""): void {
  if (changes === 0) throw new Error(`${`${what} ${id}`.trim()} is not there to be changed`);
}
