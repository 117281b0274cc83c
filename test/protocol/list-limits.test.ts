import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { methodNames, methodRow } from "../../src/protocol/methods.ts";
import { unknownFields } from "../../src/protocol/unknown-fields.ts";

/** What valibot keeps in its schemas. */
type Parts = Partial<{
  entries: Record<string, v.GenericSchema>;
  item: v.GenericSchema;
  value: v.GenericSchema;
  wrapped: v.GenericSchema;
  pipe: { type: string; requirement?: unknown }[];
}>;

interface Several {
  path: string;
  schema: v.GenericSchema;
  max: number | null;
}

/** The lists and maps of a schema, at any depth. */
function severalIn(schema: v.GenericSchema, path: string): Several[] {
  const { entries, item, value, wrapped, pipe = [] } = schema as Parts;
  if (wrapped !== undefined) return severalIn(wrapped, path);
  const inside = Object.entries(entries ?? {}).flatMap(([name, field]) => severalIn(field, `${path}.${name}`));
  const one = item ?? (schema.type === "record" ? value : undefined);
  if (one === undefined) return inside;
  const limit = pipe.find(({ type }) => type === "max_length" || type === "max_entries")?.requirement;
  return [{ path, schema, max: typeof limit === "number" ? limit : null }, ...severalIn(one, `${path}[]`)];
}

/** How many nodes a task has, and each depends on, are settings. */
const bySetting: ReadonlySet<string> = new Set([
  "RegisterTask.initial_nodes",
  "RegisterTask.initial_nodes[].dependencies",
  "AddNodes.nodes",
  "AddNodes.nodes[].dependencies",
]);

const all = methodNames.flatMap((name) => severalIn(methodRow(name).params, name));
const limited = all.filter(({ path }) => !bySetting.has(path));

describe("lists and maps among parameters", () => {
  test("are limited, every one", () => {
    expect(limited.filter(({ max }) => max === null).map(({ path }) => path)).toEqual([]);
  });

  test.each(limited)("$path: one that is too long is refused before anything in it is read", ({ schema, max }) => {
    const looks: PropertyKey[] = [];
    const tooMany: unknown[] = Array.from({ length: (max ?? 0) + 1 }, () => ({ qqqq: 1 }));
    const given = schema.type === "record" ? Object.fromEntries(tooMany.map((one, n) => [`k${n}`, one])) : tooMany;
    const watched = new Proxy(given, {
      get(target, name) {
        looks.push(name);
        return Reflect.get(target, name) as unknown;
      },
    });
    const { issues } = v.safeParse(schema, watched);
    expect(issues?.map(({ message }) => message)).toEqual([expect.stringContaining(`at most ${max} `) as string]);
    unknownFields(schema, watched);
    expect(looks.filter((name) => /^k?\d+$/.test(String(name)))).toEqual([]);
  });
});

test("of fields that nothing knows no more are looked for than are counted", () => {
  const { params } = methodRow("RegisterTask");
  let looks = 0;
  const node = () => ({
    get qqqq() {
      looks++;
      return 1;
    },
  });
  const found = unknownFields(params, { goal: "g", initial_nodes: Array.from({ length: 60_000 }, node) });
  expect([found.areAllCounted, looks]).toEqual([false, 10_000]);
});
