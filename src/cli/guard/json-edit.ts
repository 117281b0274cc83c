import { memberOf, NoJson, type Place, placesOf, valueAt } from "./json-text.ts";

/**
 * A JSON text with `entry` as the last element of the list at `path`, and the objects and the list on the way made where
 * they are missing. All other text stays as it is.
 * @throws {NoJson} when the text is none, or something else stands where an object or the list should.
 */
export function appendTo(text: string, path: readonly string[], entry: unknown): string {
  const unit = indentOf(text);
  let place = placesOf(text);
  for (const [depth, key] of path.entries()) {
    if (place.kind !== "object") throw new NoJson(`${path.slice(0, depth).join(".") || "the file"} is no object`);
    const member = memberOf(place, key);
    if (member === undefined) {
      const made = path.slice(depth + 1).reduceRight<unknown>((inner, name) => ({ [name]: inner }), [entry]);
      return insert(text, place, `${JSON.stringify(key)}: `, made, unit);
    }
    place = member.value;
  }
  if (place.kind !== "array") throw new NoJson(`${path.join(".")} is no list`);
  return insert(text, place, "", entry, unit);
}

/** A JSON text whose object has this member; nothing is changed where it has one of that name. */
export function withMember(text: string, key: string, value: unknown): string {
  const place = placesOf(text);
  if (place.kind !== "object") throw new NoJson("the file is no object");
  return memberOf(place, key) === undefined
    ? insert(text, place, `${JSON.stringify(key)}: `, value, indentOf(text))
    : text;
}

/**
 * A JSON text without those elements of the list at `path` that are `unwanted`, nor the list and the objects around it that
 * are empty then.
 */
export function removeFrom(text: string, path: readonly string[], unwanted: (entry: unknown) => boolean): string {
  let place: Place | undefined = placesOf(text);
  for (const key of path) place = place === undefined ? undefined : memberOf(place, key)?.value;
  if (place?.kind !== "array") return text;
  const index = place.elements.findIndex((element) => unwanted(valueAt(text, element)));
  const element = place.elements[index];
  if (element === undefined) return text;
  if (place.elements.length === 1) return removeMember(text, path);
  const rest = cut(
    text,
    place,
    index,
    place.elements.map(({ start, end }) => [start, end] as const),
  );
  return removeFrom(rest, path, unwanted);
}

/** A JSON text without the member at `path`, nor the objects around it that are empty then, but for the outermost. */
export function removeMember(text: string, path: readonly string[]): string {
  const key = path.at(-1) ?? "";
  let place: Place | undefined = placesOf(text);
  for (const name of path.slice(0, -1)) place = place === undefined ? undefined : memberOf(place, name)?.value;
  if (place?.kind !== "object") return text;
  const index = place.members.findLastIndex((member) => member.key === key);
  if (index === -1) return text;
  if (place.members.length === 1 && path.length > 1) return removeMember(text, path.slice(0, -1));
  return cut(
    text,
    place,
    index,
    place.members.map(({ start, value }) => [start, value.end] as const),
  );
}

/** Text without one entry of an object or list, and without the comma that set it apart. */
function cut(text: string, place: Place, index: number, spans: readonly (readonly [number, number])[]): string {
  const [start, end] = spans[index] ?? [0, 0];
  const before = spans[index - 1];
  const after = spans[index + 1];
  if (before !== undefined) return text.slice(0, before[1]) + text.slice(end);
  if (after !== undefined) return text.slice(0, start) + text.slice(after[0]);
  return text.slice(0, place.start + 1) + text.slice(place.end - 1);
}

function insert(text: string, place: Place, name: string, value: unknown, unit: string): string {
  const last =
    place.kind === "object" ? place.members.at(-1)?.value : place.kind === "array" ? place.elements.at(-1) : undefined;
  const around = lineIndent(text, place.start);
  const written = name + JSON.stringify(value, null, unit).replaceAll("\n", `\n${around}${unit}`);
  const line = `\n${around}${unit}${written}`;
  if (last === undefined) return `${text.slice(0, place.start + 1)}${line}\n${around}${text.slice(place.end - 1)}`;
  const oneLine = !text.slice(place.start, place.end).includes("\n");
  return `${text.slice(0, last.end)},${oneLine ? ` ${name}${JSON.stringify(value)}` : line}${text.slice(last.end)}`;
}

function lineIndent(text: string, at: number): string {
  const line = text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
  return /^[ \t]*/.exec(line)?.[0] ?? "";
}

/** What the file's first indented line is indented by. */
function indentOf(text: string): string {
  return /\n([ \t]+)\S/.exec(text)?.[1] ?? "  ";
}
