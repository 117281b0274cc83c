import { describe, expect, test } from "bun:test";
import { meaningOf } from "../../src/protocol/meanings.ts";
import { methodNames, methodRow } from "../../src/protocol/methods.ts";
import { protocolReference } from "../../src/protocol/reference.ts";
import { fieldsOf, jsonSchemaOf } from "../../src/protocol/shape.ts";

const root = `${import.meta.dir}/../..`;
const reference = protocolReference();

test("docs/protocol.md is what the tables say (refresh it with `bun run docs`)", async () => {
  expect((await Bun.file(`${root}/docs/protocol.md`).text()).split("\n")).toEqual(reference.split("\n"));
});

test("scripts/docs.ts --check agrees", async () => {
  const check = Bun.spawn([process.execPath, "scripts/docs.ts", "--check"], { cwd: root, stderr: "pipe" });
  expect({ status: await check.exited, said: await check.stderr.text() }).toEqual({ status: 0, said: "" });
});

describe.each(methodNames)("%s", (name) => {
  const { params, refusals } = methodRow(name);
  const chapter = reference.split(/^### /m).find((part) => part.startsWith(`${name}\n`)) ?? "";

  test("has a meaning for every parameter", () => {
    const paths = fieldsOf(jsonSchemaOf(params)).map(({ path }) => path);
    expect(paths.filter((path) => meaningOf(name, path) === "")).toEqual([]);
    for (const path of paths) expect(chapter).toContain(`| \`${path}\` `);
  });

  test("names every refusal, and an exchange that reads as the wire does", () => {
    for (const kind of refusals) expect(chapter).toContain(`- \`${kind}\`: `);
    const [, request = "", response = ""] = /^(\{"id":1,"method".*)\n(\{"id":1,"result".*)$/m.exec(chapter) ?? [];
    expect(JSON.parse(request)).toMatchObject({ method: name });
    expect(JSON.parse(response)).toHaveProperty("result");
  });
});

test("no row of a table is broken by what stands in it", () => {
  const tables = reference.split("\n\n").filter((part) => part.startsWith("| "));
  expect(tables.length).toBeGreaterThan(methodNames.length / 2);
  for (const rows of tables.map((part) => part.split("\n"))) {
    const cells = rows.map((row) => row.split(/(?<!\\)\|/).length);
    expect(new Set(cells).size).toBe(1);
  }
});
