/** Where a value of a JSON text stands: `text.slice(start, end)`. */
export type Place =
  | { kind: "object"; start: number; end: number; members: Member[] }
  | { kind: "array"; start: number; end: number; elements: Place[] }
  | { kind: "scalar"; start: number; end: number };

export interface Member {
  key: string;
  /** Of the key's opening quote. */
  start: number;
  value: Place;
}

/** The text is no JSON; the message says where. */
export class NoJson extends Error {}

const gap = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const string = /"(?:[^"\\\n]|\\.)*"/y;
const scalar = /(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;

/**
 * Finds the places of all values of a JSON text. Comments and a comma before a closing bracket pass, as the settings
 * files of some agents have them.
 * @throws {NoJson}
 */
export function placesOf(text: string): Place {
  let at = 0;

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  }

  function taken(mark: string): boolean {
    take(gap);
    if (text[at] !== mark) return false;
    at++;
    return true;
  }

  function expect(mark: string): void {
    if (!taken(mark)) throw wrong(`expected ${mark}`);
  }

  function wrong(what: string): NoJson {
    return new NoJson(`line ${text.slice(0, at).split("\n").length}: ${what}`);
  }

  function value(): Place {
    take(gap);
    const start = at;
    if (taken("{")) {
      const members = list("}", member);
      return { kind: "object", start, end: at, members };
    }
    if (taken("[")) {
      const elements = list("]", value);
      return { kind: "array", start, end: at, elements };
    }
    if (take(string) === undefined && take(scalar) === undefined) throw wrong("expected a value");
    return { kind: "scalar", start, end: at };
  }

  function member(): Member {
    take(gap);
    const start = at;
    const key = take(string);
    if (key === undefined) throw wrong("expected a name in double quotes");
    expect(":");
    return { key: JSON.parse(key) as string, start, value: value() };
  }

  function list<Entry>(close: string, entry: () => Entry): Entry[] {
    const entries: Entry[] = [];
    while (!taken(close)) {
      entries.push(entry());
      if (taken(",")) continue;
      expect(close);
      break;
    }
    return entries;
  }

  const root = value();
  take(gap);
  if (at < text.length) throw wrong("something follows the end");
  return root;
}

/** The value of a place, comments and all stripped. */
export function valueAt(text: string, place: Place): unknown {
  if (place.kind === "scalar") return JSON.parse(text.slice(place.start, place.end));
  if (place.kind === "array") return place.elements.map((element) => valueAt(text, element));
  return Object.fromEntries(place.members.map(({ key, value }) => [key, valueAt(text, value)]));
}

/** The member of that name; the last one counts, as it does for those who read the file. */
export function memberOf(place: Place, key: string): Member | undefined {
  return place.kind === "object" ? place.members.findLast((member) => member.key === key) : undefined;
}
