import { describe, expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";

const root = dirname(import.meta.dir);

/** A file of the repository: its path from the root, and its text. */
interface Source {
  path: string;
  text: string;
}
/** Says what is wrong with one file, a line each; nothing when it keeps the rule. */
type Rule = (source: Source) => string[];

/** Which layers each one may import from, besides itself. */
const layers: Record<string, string[]> = {
  protocol: [],
  native: [],
  core: ["protocol"],
  store: ["core", "protocol", "native"],
  service: ["store", "core", "protocol"],
  resolver: ["protocol"],
  daemon: ["service", "store", "core", "resolver", "protocol", "native"],
  client: ["protocol", "native"],
  cli: ["client", "resolver", "protocol", "native"],
  "main.ts": ["protocol", "native", "core", "store", "service", "resolver", "daemon", "client", "cli"],
};
/** The outside modules a layer may import, where that is limited. */
const outsideAllowed: Record<string, RegExp> = {
  protocol: /^(valibot|@valibot\/to-json-schema)$/,
  // It reads the hunks of a diff, purely.
  core: /^diff$/,
};
const onlyIn: Record<string, string> = { "bun:sqlite": "store", "bun:ffi": "native", "jsonc-parser": "cli" };
const linesMax = 300;

const sql =
  /\b(select\s[^;]+?\sfrom\s+\w|insert\s+(or\s+\w+\s+)?into\s|update\s+\w+\s+set\s|delete\s+from\s|(create|drop|alter)\s+(table|index|trigger|view)\s|pragma\s+\w|begin\s+(immediate|exclusive)|savepoint\s|vacuum\s+into)/i;
const impure =
  /(?<![.\w])(Date\.now|new Date(?=\s*\(\s*\)|\s*[;,)])|Date\s*\(\s*\)|performance|crypto|Math\.random|process|Bun|setTimeout|setInterval|setImmediate|queueMicrotask|fetch|console|globalThis|require|import\.meta)\b/g;
const importForms = [
  /\b(?:import|export)\b[^"'`;()]*?\bfrom\s*["']([^"']+)["']/g,
  /\bimport\s*["']([^"']+)["']/g,
  /\b(?:import|require)\s*\(\s*["'`]([^"'`]+)["'`]/g,
];

const literal = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/;
const commentOrLiteral = new RegExp(`${literal.source}|//[^\\n]*|/\\*[\\s\\S]*?\\*/`, "g");

function withoutComments(text: string): string {
  return text.replace(commentOrLiteral, (match) => (match.startsWith("/") ? " " : match));
}

/** The code alone: no comments, no strings; of templates what stands in `${}`. */
function codeOf(text: string): string {
  return text.replace(commentOrLiteral, (match) => (match.startsWith("`") ? embeddedIn(match) : " "));
}

function embeddedIn(template: string): string {
  return Array.from(template.matchAll(/\$\{([^}]*)\}/g), ([, code]) => code).join(";");
}

/** What a file imports, types included: Bun's own scanner leaves those out. Paths inside src are resolved. */
function importsOf({ path, text }: Source): string[] {
  const code = withoutComments(text);
  const named = importForms.flatMap((form) => Array.from(code.matchAll(form), ([, name = ""]) => name));
  return named.map((name) => (name.startsWith(".") ? normalize(join(dirname(path), name)) : name));
}

/** `store` of `src/store/tables/tasks.ts`, `main.ts` of `src/main.ts`; undefined outside src. */
function layerOf(path: string): string | undefined {
  const [top, layer] = path.split("/");
  return top === "src" ? layer : undefined;
}

const imports: Rule = (source) => {
  const layer = layerOf(source.path) ?? "";
  const allowed = layers[layer];
  if (allowed === undefined) return [`${source.path} belongs to no layer of the design`];
  return importsOf(source).flatMap((imported) => {
    if (!imported.startsWith("src/")) return outside(source.path, layer, imported);
    const from = layerOf(imported) ?? "";
    return from === layer || allowed.includes(from) ? [] : [`${source.path} (${layer}) imports ${imported}`];
  });
};

function outside(path: string, layer: string, imported: string): string[] {
  const home = onlyIn[imported];
  if (home !== undefined && home !== layer) return [`${path} imports ${imported}, which is for ${home} only`];
  const allowed = outsideAllowed[layer]?.test(imported) ?? true;
  return allowed ? [] : [`${path} (${layer}) imports ${imported}`];
}

const sqlInStore: Rule = ({ path, text }) => {
  const statement = layerOf(path) === "store" ? null : sql.exec(withoutComments(text));
  return statement === null ? [] : [`${path} holds SQL: ${statement[0]}`];
};

const pureCore: Rule = ({ path, text }) => {
  if (layerOf(path) !== "core") return [];
  return Array.from(codeOf(text).matchAll(impure), ([found]) => `${path} is not pure: ${found}`);
};

const wholeReads =
  /\breadFile(Sync)?\b|Bun\.stdin\.(text|json|bytes|arrayBuffer)|Bun\.file\([^()]*\)\.(text|json|bytes|arrayBuffer)\(/;
/** A pipe is waited for and a device has no end: files are read as a whole by `native/read-file.ts` alone. */
const boundedReads: Rule = ({ path, text }) => {
  // What the kernel tells of a process is short, and no file.
  const found = wholeReads.exec(
    withoutComments(text).replaceAll(/import \{[^}]*\}|readFileSync\(`\/proc\/[^)]*\)/g, ""),
  );
  return layerOf(path) === "native" || found === null ? [] : [`${path} reads without bound: ${found[0]}`];
};

const shortFiles: Rule = ({ path, text }) => {
  const lines = text.trimEnd().split("\n").length;
  return lines > linesMax ? [`${path} has ${lines} lines`] : [];
};

/** The first way round for every file that can reach itself. */
function cycles(sources: Source[]): string[] {
  const graph = new Map(sources.map((source) => [source.path, importsOf(source)]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: string[]) => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
    else if (!done.has(path)) for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

// Ada is the user of the documentation's examples.
const machine = /\/root\/|\/(?:home|Users)\/(?!ada\b)\w|\b(?:registry|mirrors?)\.[\w-]+\.\w/i;
const ofThisMachine: Rule = ({ path, text }) => {
  const found = machine.exec(text);
  return found === null ? [] : [`${path} names ${found[0]}`];
};

/** A file that a comment tells to look into is there, by that end of its path. */
const liveReferences: Rule = ({ path, text }) => {
  const comments = Array.from(text.matchAll(commentOrLiteral), ([match]) => match).filter((match) =>
    /^\/[/*]/.test(match),
  );
  const named = comments.flatMap((comment) => Array.from(comment.matchAll(/[\w./-]*\w\.ts\b/g), ([file]) => file));
  return named
    .filter((file) => !sourcePaths.some((one) => `/${one}`.endsWith(`/${file}`)))
    .map((file) => `${path} points to ${file}`);
};

async function read(paths: Iterable<string>): Promise<Source[]> {
  return Promise.all(Array.from(paths, async (path) => ({ path, text: await Bun.file(join(root, path)).text() })));
}

const sourcePaths = [...new Bun.Glob("{src,test,scripts}/**/*.ts").scanSync({ cwd: root })];
const src = await read(new Bun.Glob("src/**/*.ts").scanSync({ cwd: root }));
const rules: [string, Rule][] = [
  ["layers import downwards, and main alone both sides", imports],
  ["SQL stands in store only", sqlInStore],
  ["core reads no clock, chance, process or network", pureCore],
  ["files are read as a whole in one place, with a bound", boundedReads],
  ["a comment points to a file that is there", liveReferences],
  [`a file has at most ${linesMax} lines`, shortFiles],
];

describe("the sources keep the design", () => {
  test.each(rules)("%s", (_, rule) => expect(src.flatMap(rule)).toEqual([]));
  test("no imports run in a circle", () => expect(cycles(src)).toEqual([]));
});

describe("a breach is found", () => {
  test.each<[string, Rule, string, string]>([
    ["the store using a service", imports, "src/store/a.ts", `import { x } from "../service/b.ts";`],
    ["the core using the store's types", imports, "src/core/a.ts", `import type { x } from "../store/b.ts";`],
    ["a type named in place", imports, "src/core/a.ts", `let a: import("../store/b.ts").B;`],
    ["the command line using the daemon", imports, "src/cli/a.ts", `await import("../daemon/b.ts");`],
    ["the client using the command line", imports, "src/client/a.ts", `export {\n  x,\n} from "../cli/b.ts";`],
    ["the daemon using the client", imports, "src/daemon/a.ts", `import "../client/b.ts";`],
    ["anyone using main", imports, "src/cli/a.ts", `import { main } from "../main.ts";`],
    ["the protocol using a layer", imports, "src/protocol/a.ts", `import * as core from "../core/b.ts";`],
    ["the protocol using another package", imports, "src/protocol/a.ts", `import { z } from "zod";`],
    ["the core using Node", imports, "src/core/a.ts", `import { createHash } from "node:crypto";`],
    ["SQLite outside the store", imports, "src/service/a.ts", `import type { Database } from "bun:sqlite";`],
    ["FFI elsewhere than in native", imports, "src/client/a.ts", `import { dlopen } from "bun:ffi";`],
    ["a file outside every layer", imports, "src/utils/a.ts", ""],
    ["a query in a service", sqlInStore, "src/service/a.ts", `db.query("SELECT id\\n FROM tasks");`],
    ["a pragma in the daemon", sqlInStore, "src/daemon/a.ts", "db.run(`pragma synchronous = full`);"],
    ["the core asking the time", pureCore, "src/core/a.ts", "const now = Date.now();"],
    ["the core making a date of now", pureCore, "src/core/a.ts", "const now = new Date();"],
    ["the core timing", pureCore, "src/core/a.ts", "const t = performance.now();"],
    ["the core making ids", pureCore, "src/core/a.ts", "const id = crypto.randomUUID();"],
    ["the core rolling dice", pureCore, "src/core/a.ts", "const id = `n${Math.random()}`;"],
    ["the core reading the environment", pureCore, "src/core/a.ts", "const home = process.env.HOME;"],
    ["a file read whole", boundedReads, "src/cli/a.ts", 'await readFile(path, "utf8");'],
    ["standard input read whole", boundedReads, "src/cli/a.ts", "await Bun.stdin.text();"],
    ["a file too long", shortFiles, "src/core/a.ts", "x;\n".repeat(linesMax + 1)],
    ["a comment on a file that was moved", liveReferences, "src/core/a.ts", "// As in locks/no-such-file.ts."],
    ["a registry's host", ofThisMachine, "a.md", ["https://registry", "example.org"].join(".")],
    ["somebody's home", ofThisMachine, "a.md", ["", "home", "ann", "x"].join("/")],
  ])("%s", (_, rule, path, text) => expect(rule({ path, text })).toHaveLength(1));

  test("a circle of two", () => {
    const circle = [
      { path: "src/core/a.ts", text: `import { b } from "./b.ts";` },
      { path: "src/core/b.ts", text: `import type { a } from "./a.ts";` },
    ];
    expect(cycles(circle)).toEqual(["src/core/a.ts → src/core/b.ts → src/core/a.ts"]);
  });
});

describe("what only looks like a breach passes", () => {
  test.each<[string, Rule, string, string]>([
    ["a lower layer but one", imports, "src/daemon/a.ts", `import type { x } from "../core/b.ts";`],
    ["an import in a comment", imports, "src/core/a.ts", `// import { x } from "../store/b.ts";`],
    ["a given time as a date", pureCore, "src/core/a.ts", "const iso = new Date(now).toISOString();"],
    ["a word in a message", pureCore, "src/core/a.ts", 'refuse(`the process of ${node.id} is gone`, "crypto");'],
    ["a comment on a file by its name", liveReferences, "src/core/a.ts", "/* Limits are in `protocol/limits.ts`. */"],
    ["SQL in the store", sqlInStore, "src/store/a.ts", "db.query(`SELECT 1 FROM tasks`);"],
    ["SQL spoken of", sqlInStore, "src/service/a.ts", "/* INSERT INTO is the store's */"],
  ])("%s", (_, rule, path, text) => expect(rule({ path, text })).toEqual([]));
});

const layerPath = new RegExp(
  `(?<![\\w./-])(src/|test/)?(?:${Object.keys(layers).slice(0, -1).join("|")}|docs|scripts)/[\\w/*.-]*[\\w/*]`,
  "g",
);
/** Paths of the sources that a text names and that are not there; a layer's may leave out `src/`. */
function namedInVain(text: string): string[] {
  const paths = Array.from(text.matchAll(layerPath), ([path]) => path);
  return paths.filter((path) => {
    const found = ["", "src/"].flatMap((top) => [
      ...new Bun.Glob(`${top}${path}`).scanSync({ cwd: root, onlyFiles: false }),
    ]);
    return found.length === 0;
  });
}

describe("the page on the architecture is a map", () => {
  test.each(["docs/architecture.md", "CONTRIBUTING.md"])("%s names no path that is not there", async (page) => {
    expect(namedInVain(await Bun.file(join(root, page)).text())).toEqual([]);
  });
  test("a path that was moved is noticed, and one that is there is not", () => {
    expect(namedInVain("see `core/there/is-none.ts`, and `core/dag/node.ts`")).toEqual(["core/there/is-none.ts"]);
  });
});

describe("the repository is of no particular machine", () => {
  test("the lockfile names no host", async () => {
    expect(await Bun.file(join(root, "bun.lock")).text()).not.toContain("://");
  });

  test("no committed file names a registry or a home", async () => {
    const listed = await Bun.$`git ls-files -z`.cwd(root).text();
    const paths = listed.split("\0").filter((path) => path !== "");
    expect((await read(paths)).flatMap(ofThisMachine)).toEqual([]);
  });
});
