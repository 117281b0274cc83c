import type { Database } from "bun:sqlite";
import type { Labels } from "../protocol/types.ts";

/** Sets of labels, each of which nodes share. */
export function labelSets(db: Database) {
  const find = db.prepare<{ id: number }, [string]>("SELECT id FROM label_sets WHERE labels = ?");
  const insert = db.prepare<null, [string]>("INSERT INTO label_sets (labels) VALUES (?)");
  const insertMember = db.prepare<null, [string, string, number]>(`
    INSERT INTO label_set_members (name, value, label_set) VALUES (?, ?, ?)`);

  return {
    /** The set of these labels, made where it is new; null for none. */
    idOf(labels: Labels): number | null {
      const members = sorted(labels);
      if (members.length === 0) return null;
      const text = setText(labels);
      const known = find.get(text)?.id;
      if (known !== undefined) return known;
      const id = Number(insert.run(text).lastInsertRowid);
      for (const [name, value] of members) insertMember.run(name, value, id);
      return id;
    },
  };
}

/** Labels as one text, however they are ordered. */
export const setText = (labels: Labels): string => JSON.stringify(Object.fromEntries(sorted(labels)));

const sorted = (labels: Labels) => Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
