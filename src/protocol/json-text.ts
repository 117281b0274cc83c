/** Stands in a value for a part of its JSON that is there as text already; `encodeJson` puts it in. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toJSON(): string {
    parts.push(this.text);
    return mark;
  }
}

/** The texts that go in where the mark stands, in their order: of the value that is being encoded. */
let parts: string[] = [];
/** No text anybody sends has it: it is another in each process. */
const mark = `json text ${crypto.randomUUID()}`;
const quotedMark = JSON.stringify(mark);

/** A value as JSON, with the texts that stand in it. */
export function encodeJson(value: unknown): string {
  parts = [];
  const text = JSON.stringify(value);
  if (parts.length === 0) return text;
  const [first = "", ...others] = text.split(quotedMark);
  return others.reduce((all, other, index) => `${all}${parts[index] ?? ""}${other}`, first);
}
