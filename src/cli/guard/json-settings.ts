import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";

// What jsonc-parser knows of a text is where its values stand. Its own edits lay out the lines around them anew, and so
// would not give back the bytes that were there before.

/** The text is no JSON; the message says where. */
export class NoJson extends Error {}

/**
 * Reads a JSON text. Comments and a comma before a closing bracket pass, as the settings files of some agents have them.
 * @throws {NoJson}
 */
function treeOf(text: string): Node {
  const errors: ParseError[] = [];
  // A byte order mark is no error to who reads such files, and keeps its place.
  const root = parseTree(text.replace(/^\uFEFF/, " "), errors, { allowTrailingComma: true });
  const [first] = errors;
  if (root !== undefined && first === undefined) return root;
  const line = text.slice(0, first?.offset ?? 0).split("\n").length;
  const what = first === undefined ? "ValueExpected" : printParseErrorCode(first.error);
  throw new NoJson(`line ${line}: ${what.replaceAll(/\B[A-Z]/g, (letter) => ` ${letter}`).toLowerCase()}`);
}

/** The value a JSON text has, comments and all stripped. @throws {NoJson} */
export function valueOf(text: string): unknown {
  return getNodeValue(treeOf(text));
}

/**
 * A JSON text with `entry` as the last element of the list at `path`, and the objects and the list on the way made where
 * they are missing. All other text stays as it is.
 * @throws {NoJson} when the text is none, or something else stands where an object or the list should.
 */
export function appendTo(text: string, path: readonly string[], entry: unknown): string {
  let node = treeOf(text);
  for (const [depth, key] of path.entries()) {
    if (node.type !== "object") throw new NoJson(`${path.slice(0, depth).join(".") || "the file"} is no object`);
    const inner = valueNode(memberOf(node, key));
    if (inner === undefined) {
      const made = path.slice(depth + 1).reduceRight<unknown>((value, name) => ({ [name]: value }), [entry]);
      return insert(text, node, `${JSON.stringify(key)}: `, made);
    }
    node = inner;
  }
  if (node.type !== "array") throw new NoJson(`${path.join(".")} is no list`);
  return insert(text, node, "", entry);
}

/** A JSON text whose object has this member; nothing is changed where it has one of that name. */
export function withMember(text: string, key: string, value: unknown): string {
  const root = treeOf(text);
  if (root.type !== "object") throw new NoJson("the file is no object");
  return memberOf(root, key) === undefined ? insert(text, root, `${JSON.stringify(key)}: `, value) : text;
}

/**
 * A JSON text without those elements of the list at `path` that are `unwanted`, nor the list and the objects around it that
 * are empty then, but for the outermost.
 */
export function removeFrom(text: string, path: readonly string[], unwanted: (entry: unknown) => boolean): string {
  let list: Node | undefined = treeOf(text);
  for (const key of path) list = valueNode(memberOf(list, key));
  const element = list?.type === "array" ? list.children?.find((each) => unwanted(getNodeValue(each))) : undefined;
  return element === undefined ? text : removeFrom(without(text, element), path, unwanted);
}

/** Text without an entry, the comma that set it apart, and what around it would be empty. */
function without(text: string, entry: Node): string {
  const { parent } = entry;
  const siblings = parent?.children ?? [];
  // A value is alone with its name, and goes with it.
  if (parent?.type === "property") return without(text, parent);
  if (parent?.parent !== undefined && siblings.length === 1) return without(text, parent);
  const index = siblings.indexOf(entry);
  const [before, after] = [siblings[index - 1], siblings[index + 1]];
  if (before !== undefined) return text.slice(0, endOf(before)) + text.slice(endOf(entry));
  if (after !== undefined) return text.slice(0, entry.offset) + text.slice(after.offset);
  return parent === undefined ? text : text.slice(0, parent.offset + 1) + text.slice(endOf(parent) - 1);
}

/** The member of that name; the last one counts, as it does for those who read the file. */
function memberOf(node: Node | undefined, key: string): Node | undefined {
  if (node?.type !== "object") return undefined;
  return node.children?.findLast(({ children }) => children?.[0]?.value === key);
}

const valueNode = (member: Node | undefined) => member?.children?.[1];
const endOf = ({ offset, length }: Node) => offset + length;

function insert(text: string, node: Node, name: string, value: unknown): string {
  const last = node.children?.at(-1);
  const unit = /\n([ \t]+)\S/.exec(text)?.[1] ?? "  ";
  const before = text.slice(text.lastIndexOf("\n", node.offset - 1) + 1, node.offset);
  const around = before.slice(0, before.search(/[^ \t]|$/));
  const written = name + JSON.stringify(value, null, unit).replaceAll("\n", `\n${around}${unit}`);
  const line = `\n${around}${unit}${written}`;
  if (last === undefined) return `${text.slice(0, node.offset + 1)}${line}\n${around}${text.slice(endOf(node) - 1)}`;
  const isOneLine = !text.slice(node.offset, endOf(node)).includes("\n");
  const added = isOneLine ? ` ${name}${JSON.stringify(value)}` : line;
  return `${text.slice(0, endOf(last))},${added}${text.slice(endOf(last))}`;
}
