import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLog, fileSink } from "../../src/daemon/log.ts";
import { scratch } from "./daemon-process.ts";

describe("a log file", () => {
  test("is rotated by size; the newest three are kept, each its owner's alone", () => {
    using place = scratch();
    const path = join(place.path, "log");
    const sink = fileSink(path, { bytesMax: 10 });
    for (let n = 1; n <= 5; n++) sink.write(`line ${n} of it\n`);
    sink.write("line 6\n");
    expect(readdirSync(place.path).toSorted()).toEqual(["log", "log.1", "log.2"]);
    expect(["log", "log.1", "log.2"].map((name) => readFileSync(join(place.path, name), "utf8"))).toEqual([
      "line 6\n",
      "line 5 of it\n",
      "line 4 of it\n",
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("counts what it held before the start", () => {
    using place = scratch();
    const path = join(place.path, "log");
    writeFileSync(path, "0123456789");
    fileSink(path, { bytesMax: 10 }).write("x");
    expect(readFileSync(`${path}.1`, "utf8")).toBe("0123456789x");
  });

  test("that was moved away is followed when it is asked to", () => {
    using place = scratch();
    const path = join(place.path, "log");
    const sink = fileSink(path);
    sink.write("one\n");
    renameSync(path, `${path}.moved`);
    sink.write("two\n");
    sink.reopen();
    sink.write("three\n");
    expect(readFileSync(`${path}.moved`, "utf8")).toBe("one\ntwo\n");
    expect(readFileSync(path, "utf8")).toBe("three\n");
  });

  test("that cannot be opened again was lost, and its descriptor written to all the same", () => {
    using place = scratch();
    const directory = join(place.path, "logs");
    mkdirSync(directory);
    const sink = fileSink(join(directory, "log"), { bytesMax: 10 });
    renameSync(directory, `${directory}.moved`);
    sink.reopen();
    writeFileSync(join(place.path, "another file"), "");
    sink.write("still the old one, and too long\n");
    sink.write("after a rotation that failed\n");
    expect(readFileSync(join(`${directory}.moved`, "log"), "utf8")).toBe(
      "still the old one, and too long\nafter a rotation that failed\n",
    );
    expect(existsSync(directory)).toBe(false);
  });
});

test("a line says when, how grave and what; an error brings its stack", () => {
  const lines: string[] = [];
  const log = createLog({ write: (line) => void lines.push(line), reopen: () => undefined });
  log.info("one", { n: 2 });
  log.error("it broke:", new Error("why"));
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z info {2}one \{"n":2\}\n$/);
  expect(lines[1]).toMatch(/Z error it broke: Error: why\n +at /);
});
