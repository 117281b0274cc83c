/** Two assumptions that cannot both hold, as they were written. */
export interface Contradiction {
  mine: string;
  theirs: string;
}

/** Assumptions in the form they are compared in, by what they are about. */
export type Assumptions = ReadonlyMap<string, Statement>;

interface Statement {
  written: string;
  /** The value of a key; null of a plain statement. */
  value: string | null;
  negated: boolean;
}

/**
 * Reads assumptions. They are free text and are compared as text, without regard to case, white space and a full stop at the
 * end: `not X`, `no X` and `!X` deny `X`; `key=value`, `key: value` and `key!=value` speak of a key. Of several that are
 * about the same, the first counts.
 */
export function readAssumptions(written: readonly string[]): Assumptions {
  const statements = new Map<string, Statement>();
  for (const one of written) {
    const { subject, ...statement } = readOne(one);
    if (subject !== "" && !statements.has(subject)) statements.set(subject, { ...statement, written: one });
  }
  return statements;
}

/**
 * The first contradiction of two, or null: a statement one makes and the other denies, a key with another value, a value of
 * a key that the other denies it.
 */
export function contradictionOf(mine: Assumptions, theirs: Assumptions): Contradiction | null {
  for (const [subject, one] of mine) {
    const other = theirs.get(subject);
    if (other === undefined) continue;
    const contrary = one.value === other.value ? one.negated !== other.negated : !one.negated && !other.negated;
    if (contrary) return { mine: one.written, theirs: other.written };
  }
  return null;
}

function readOne(written: string): { subject: string; value: string | null; negated: boolean } {
  let text = written.normalize("NFC").toLowerCase().replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");
  let negated = false;
  for (let denial = denies.exec(text); denial !== null; denial = denies.exec(text)) {
    text = text.slice(denial[0].length);
    negated = !negated;
  }
  const { key, not, value } = keyed.exec(text)?.groups ?? {};
  if (key === undefined || value === undefined) return { subject: text, value: null, negated };
  return { subject: `${key}=`, value, negated: negated !== (not !== undefined) };
}

const denies = /^(?:not |no |! ?)/;
/** A colon before no space belongs to the text: an address, a name with `::`. */
const keyed = /^(?<key>[^=:!]+?) ?(?:(?<not>!)?=|: )=? ?(?<value>[^=].*)$/;
