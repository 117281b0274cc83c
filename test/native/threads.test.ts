import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileThreads } from "../../src/native/libc.ts";
import { scratch } from "../daemon/daemon-process.ts";

/*
 * A FIFO that nobody writes to stands for a file system that hangs: opening it keeps a thread. Compiled as agentd is, since
 * from source Bun's threads read the program itself first.
 */
test("files that hang leave threads for those that do not", async () => {
  using place = scratch();
  const program = `
    import { readdirSync, readFileSync } from "node:fs";
    import { open, stat } from "node:fs/promises";
    import { provideFileThreads } from ${JSON.stringify(join(import.meta.dir, "../../src/native/libc.ts"))};
    provideFileThreads();
    for (let n = 0; n < ${fileThreads - 1}; n++) void open("fifo", "r");
    // The kernel tells what a thread is in: the number of openat.
    const inOpen = (id) => /^(257|56) /.test(readFileSync(\`/proc/self/task/\${id}/syscall\`, "utf8"));
    const hanging = () => (process.platform === "linux" ? readdirSync("/proc/self/task").filter(inOpen).length : Infinity);
    while (hanging() < ${fileThreads - 1}) await new Promise((resolve) => setImmediate(resolve));
    await stat(".");
    process.exit(0);
  `;
  const within = { cwd: place.path, stdin: "ignore", stdout: "ignore", stderr: "inherit" } as const;
  writeFileSync(join(place.path, "program.ts"), program);
  Bun.spawnSync(["mkfifo", "fifo"], within);
  const flags = ["--compile", "--bytecode", "--splitting", "--format=esm", "--outfile=program"];
  Bun.spawnSync([process.execPath, "build", ...flags, "program.ts"], within);
  await using child = Bun.spawn(["./program"], within);
  expect(await child.exited).toBe(0);
});
