import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { strictTransitions } from "../../src/protocol/describe.ts";
import { eventKinds } from "../../src/protocol/event-kinds.ts";
import { journalReference } from "../../scripts/docs/journal-reference.ts";
import { meaningOf } from "../../scripts/docs/meanings.ts";
import { methodNames, methodRow } from "../../src/protocol/methods.ts";
import { inNames, namesIn, objectShapes } from "../../scripts/docs/objects.ts";
import { protocolReference } from "../../scripts/docs/reference.ts";
import { kinds, sentenceOf, transitionRow } from "../../src/protocol/transitions.ts";
import { fieldsOf, type JsonSchema, jsonSchemaOf, type Shape, shapeOf } from "../../src/protocol/shape.ts";

const root = `${import.meta.dir}/../..`;
const reference = protocolReference();
const journal = journalReference();

test("docs/protocol.md is what the tables say (refresh it with `bun run docs`)", async () => {
  expect((await Bun.file(`${root}/docs/protocol.md`).text()).split("\n")).toEqual(reference.split("\n"));
});

test("docs/journal.md is what the table of transitions says (refresh it with `bun run docs`)", async () => {
  expect((await Bun.file(`${root}/docs/journal.md`).text()).split("\n")).toEqual(journal.split("\n"));
});

describe.each(kinds)("%s", (kind) => {
  const { payload, example } = transitionRow(kind);

  test("has an example that fits its payload, and shows it", () => {
    expect(v.parse(payload, example)).toEqual(example);
    const chapter = journal.split(/^### /m).find((part) => part.startsWith(`${kind}\n`)) ?? "";
    const [shown = ""] = /^(?: {4}.*\n)+/m.exec(chapter.split("Such as the following").at(-1) ?? "") ?? [];
    expect(JSON.parse(shown)).toEqual(JSON.parse(JSON.stringify(example)));
  });

  test("reads as a sentence, of its example at least", () => {
    const { origin } = transitionRow(kind);
    const told = sentenceOf({ action_type: kind, origin, payload: example }, (id) => id.slice(0, 8));
    expect(told).toMatch(/^\S.*\S$/);
    expect(told).not.toMatch(/undefined|null|NaN|\[object/);
  });
});

test("the calls that move nodes and the transitions tell the same moves", () => {
  const told = Object.values(strictTransitions).flatMap((text) => text.match(/[A-Z]+ -> [A-Z]+/g) ?? []);
  const moves = kinds.flatMap((kind) => transitionRow(kind).moves.map(([from, to]) => `${from} -> ${to}`));
  expect([...new Set(told)].toSorted()).toEqual([...new Set(moves)].toSorted());
});

test("scripts/docs.ts --check agrees", async () => {
  const check = Bun.spawn([process.execPath, "scripts/docs.ts", "--check"], { cwd: root, stderr: "pipe" });
  expect({ status: await check.exited, said: await check.stderr.text() }).toEqual({ status: 0, said: "" });
});

describe.each(methodNames)("%s", (name) => {
  const { params, result, refusals } = methodRow(name);
  const chapter = chapterOf(name);

  test("has a meaning for every parameter, in its chapter or in the one it names", () => {
    const fields = fieldsOf(jsonSchemaOf(params));
    expect(fields.filter(({ path }) => meaningOf(name, path) === "")).toEqual([]);
    const [, twin = name] = /It takes the parameters of \[(\w+)\]/.exec(chapter) ?? [];
    const lists = [...chapterOf(twin).matchAll(/^- `(\S+)` \(`\[NewNode\]`/gm)].map(([, list = ""]) => `${list}[].`);
    for (const { path } of fields) {
      const list = lists.find((within) => path.startsWith(within));
      if (list === undefined) expect(chapterOf(twin)).toContain(`- \`${path}\` (`);
      else expect(chapterOf("NewNode")).toContain(`- \`${path.slice(list.length)}\` (`);
    }
  });

  test("calls no object a list, and no list an object", () => {
    const { properties = {} } = jsonSchemaOf(params);
    for (const { path, type } of fieldsOf(jsonSchemaOf(params))) {
      const property = properties[path] as JsonSchema | undefined;
      const [kind] = [property, ...((property?.anyOf ?? []) as JsonSchema[])].flatMap((each) => each?.type ?? []);
      if (kind === "array") expect(type).toStartWith("[");
      if (kind === "object") expect(type).toMatch(/^(object|\{.*\})$/);
    }
  });

  test("leaves out no member of what it answers", () => {
    const shown = inNames(shapeOf(jsonSchemaOf(result)));
    const parts = [chapter, ...allNames(shown).map(chapterOf)].join("\n");
    for (const member of membersOf(shapeOf(jsonSchemaOf(result)))) expect(parts).toContain(`"${member}": `);
  });

  test("names every refusal, and an exchange that reads as the wire does", () => {
    for (const kind of refusals) expect(chapter).toMatch(new RegExp(`^It is refused with .*\`${kind}\`[,.]`, "m"));
    const [, request = "", response = ""] =
      /^ {4}(\{"id":1,"method".*)\n {4}(\{"id":1,"result".*)$/m.exec(chapter) ?? [];
    expect(JSON.parse(request)).toMatchObject({ method: name });
    expect(JSON.parse(response)).toHaveProperty("result");
  });
});

test("every type it uses is explained", () => {
  const [, types = ""] = /^## Types\n([^]*?)^## /m.exec(reference) ?? [];
  const titles = methodNames.flatMap((name) => [methodRow(name).params, methodRow(name).result]).flatMap(titlesIn);
  for (const title of new Set(titles))
    if (!["string", "number"].includes(title)) expect(types).toContain(`\`${title}\``);
});

test.each(Object.entries(eventKinds))("the payload of the event kind %s is shown in full", (kind, { payload }) => {
  const [, chapter = ""] = /^## Event kinds\n([^]*?)^## /m.exec(reference) ?? [];
  for (const { path, required } of fieldsOf(jsonSchemaOf(payload))) {
    const [row = ""] = new RegExp(`^\\| \`${kind}\` +\\| \`${path}\` .*$`, "m").exec(chapter) ?? [];
    expect(row).toMatch(required ? /required \|$/ : /\| +\|$/);
  }
});

test("every link leads to a heading", () => {
  const anchors = [...reference.matchAll(/^##+ (.*)$/gm)].map(([, title = ""]) =>
    title.toLowerCase().replaceAll(" ", "-"),
  );
  for (const [, anchor = ""] of reference.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
});

function chapterOf(title: string): string {
  return reference.split(/^### /m).find((part) => part.startsWith(`${title}\n`)) ?? "";
}

/** The objects a shape names, and those that these name. */
function allNames(shape: Shape): string[] {
  const names = new Set<string>();
  const add = (part: Shape) => {
    for (const name of namesIn(part)) {
      if (names.has(name)) continue;
      names.add(name);
      for (const [other, inner] of objectShapes()) if (other === name) add(inner);
    }
  };
  add(shape);
  return [...names];
}

/** Every field of a shape, however deep. */
function membersOf(shape: Shape): string[] {
  if (typeof shape === "string") return [];
  if (Array.isArray(shape)) return shape.flatMap(membersOf);
  const { nullable, optional } = shape;
  const inner = nullable ?? optional;
  if (inner !== undefined) return membersOf(inner);
  return Object.entries(shape).flatMap(([field, each]) => [...(field === "one_of" ? [] : [field]), ...membersOf(each)]);
}

function titlesIn(schema: Parameters<typeof jsonSchemaOf>[0]): string[] {
  const titles: string[] = [];
  JSON.stringify(jsonSchemaOf(schema), (key, value: unknown) => {
    if (key === "title" && typeof value === "string") titles.push(value);
    return value;
  });
  return titles;
}

test("no row of a table is broken by what stands in it", () => {
  const tables = `${reference}\n\n${journal}`.split("\n\n").filter((part) => part.startsWith("| "));
  expect(tables.length).toBeGreaterThan(0);
  for (const rows of tables.map((part) => part.split("\n"))) {
    const cells = rows.map((row) => row.split(/(?<!\\)\|/).length);
    expect(new Set(cells).size).toBe(1);
  }
});
