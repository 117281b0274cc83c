import type { Database } from "bun:sqlite";
import type { Labels } from "../../protocol/types.ts";
import type { LabelMemberRow, LabelSetRow } from "./verification-reads.ts";

/** Sets of labels, each of which nodes share. */
export function labelSets(db: Database) {
  const find = db.prepare<{ id: number }, [string]>("SELECT id FROM label_sets WHERE labels = ?");
  const insert = db.prepare<null, [string]>("INSERT INTO label_sets (labels) VALUES (?)");
  const insertMember = db.prepare<null, [string, string, number]>(`
    INSERT INTO label_set_members (name, value, label_set) VALUES (?, ?, ?)`);

  const sets = db.prepare<LabelSetRow, [number, number]>(`
    SELECT id AS row, labels FROM label_sets WHERE id > ?1 ORDER BY id LIMIT ?2`);
  const isMember = db.prepare<{ 1: 1 }, [string, string, number]>(`
    SELECT 1 FROM label_set_members WHERE name = ? AND value = ? AND label_set = ?`);
  const allMembers = db.prepare<LabelMemberRow, [string, string, number, number]>(`
    SELECT name, value, label_set AS row, (SELECT labels FROM label_sets WHERE id = label_set) AS labels
    FROM label_set_members WHERE (name, value, label_set) > (?1, ?2, ?3) ORDER BY name, value, label_set LIMIT ?4`);

  return {
    setSlice: (afterRow: number, limit: number): LabelSetRow[] => sets.all(afterRow, limit),
    memberSlice: ({ name, value, row }: Omit<LabelMemberRow, "labels">, limit: number): LabelMemberRow[] =>
      allMembers.all(name, value, row, limit),
    hasMember: (set: number, name: string, value: string): boolean => isMember.get(name, value, set) !== null,
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
