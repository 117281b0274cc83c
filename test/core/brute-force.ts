/**
 * What overlaps, found by trying every short path: an oracle that shares nothing with the rules it checks. Braces are
 * expanded as text, globs become regular expressions, case is folded by the runtime's upper case.
 */
export class BruteForce {
  readonly #paths: readonly string[];
  readonly #fold: (path: string) => string;
  readonly #flags: string;
  readonly #matched = new Map<string, ReadonlySet<string>>();

  constructor(alphabet: readonly string[], lengthMax: number, ignoreCase: boolean) {
    this.#paths = textsOver(alphabet, lengthMax).filter(isPath);
    this.#fold = ignoreCase ? (path) => path.toUpperCase() : (path) => path;
    this.#flags = ignoreCase ? "iu" : "u";
  }

  overlap(a: string, b: string): boolean {
    const [ofA, ofB] = [this.#matching(a), this.#matching(b)];
    return !ofA.isDisjointFrom(ofB);
  }

  #matching(key: string): ReadonlySet<string> {
    const known = this.#matched.get(key);
    if (known !== undefined) return known;
    const matches = matcher(key, this.#fold, this.#flags);
    const found = new Set(this.#paths.filter(matches).map(this.#fold));
    this.#matched.set(key, found);
    return found;
  }
}

function textsOver(alphabet: readonly string[], lengthMax: number): string[] {
  let longest = [""];
  const all: string[] = [];
  for (let length = 1; length <= lengthMax; length++) {
    longest = longest.flatMap((text) => alphabet.map((letter) => text + letter));
    all.push(...longest);
  }
  return all;
}

/** Relative or absolute, every segment a name. */
function isPath(text: string): boolean {
  return text
    .replace(/^\//, "")
    .split("/")
    .every((name) => !/^\.{0,2}$/.test(name));
}

/** The key's own paths; the case of a file or directory is folded, that of a glob's wildcards needs not be. */
function matcher(key: string, fold: (path: string) => string, flags: string): (path: string) => boolean {
  const text = fold(key.slice(key.indexOf(":") + 1));
  if (key.startsWith("file:")) return (path) => fold(path) === text;
  if (key.startsWith("dir:"))
    return (path) => text === "." || `${fold(path)}/`.startsWith(text === "/" ? text : `${text}/`);
  if (!key.startsWith("glob:")) return () => false;
  const expressions = expanded(key.slice("glob:".length)).map(
    (pattern) => new RegExp(`^(?:${expression(pattern)})$`, flags),
  );
  return (path) => expressions.some((one) => one.test(path));
}

function expanded(pattern: string): string[] {
  const braces = /\{([^{}]*)\}/.exec(pattern);
  if (braces === null) return [pattern];
  const [whole, inside = ""] = braces;
  return inside
    .split(",")
    .flatMap((choice) =>
      expanded(pattern.slice(0, braces.index) + choice + pattern.slice(braces.index + whole.length)),
    );
}

function expression(pattern: string): string {
  const normal = pattern
    .replaceAll(/\/(\.?\/)+/g, "/")
    .replace(/^(\.\/)+/, "")
    .replace(/(\/\.?)+$/, "");
  return normal.replaceAll(/(?<=^|\/)\*\*+\/|\*\*+|\*|\?|\[!?[^\]]*\]|\./g, (part) => {
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    if (part === ".") return "\\.";
    if (part.startsWith("[!")) return `[^${part.slice(2, -1)}/]`;
    if (part.startsWith("[")) return part;
    return part.endsWith("/") ? "(?:.*/)?" : ".*";
  });
}
