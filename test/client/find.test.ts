import { expect, test } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAt, locate } from "../../src/client/find.ts";
import { DaemonUnreachable, Untrusted } from "../../src/client/refusals.ts";
import { rejectionOf } from "../support/rejection.ts";

async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), "agentd-find-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test("an environment file of the user's own is read", async () => {
  await using home = await temporaryDirectory();
  await writeFile(join(home.path, ".env"), 'export AGENTD_SOCKET_PATH="/run/a.sock"\n', { mode: 0o600 });
  const { paths } = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
  expect(paths.socket).toBe("/run/a.sock");
});

test.each(["644", "640", "602"])("an environment file of mode %s is refused", async (mode) => {
  await using home = await temporaryDirectory();
  await writeFile(join(home.path, ".env"), "AGENTD_SOCKET_PATH=/run/a.sock\n");
  await chmod(join(home.path, ".env"), Number.parseInt(mode, 8));
  expect((await rejectionOf(locate({ cwd: "/" }, { AGENTD_HOME: home.path }))).message).toContain(
    `run: chmod 600 ${home.path}/.env`,
  );
});

test("an environment file that is named must exist, though it may be empty", async () => {
  await using home = await temporaryDirectory();
  const named = join(home.path, "env");
  const environment = { AGENTD_HOME: home.path, AGENTD_ENV_FILE: named };
  expect((await rejectionOf(locate({ cwd: "/" }, environment))).message).toContain(named);
  await writeFile(named, "", { mode: 0o600 });
  expect(await locate({ cwd: "/" }, environment)).toMatchObject({ paths: { envFile: named } });
});

test("nothing is sent to a path that is no socket", async () => {
  await using home = await temporaryDirectory();
  const { paths } = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
  expect(await rejectionOf(connectAt(paths))).toBeInstanceOf(DaemonUnreachable);
  await writeFile(paths.socket, "");
  expect(await rejectionOf(connectAt(paths))).toBeInstanceOf(Untrusted);
});

test.skipIf(process.getuid?.() !== 0)("nothing is sent to a stranger's socket", async () => {
  await using home = await temporaryDirectory();
  const { paths } = await locate({ cwd: "/" }, { AGENTD_HOME: home.path });
  let connections = 0;
  const count = () => {
    connections++;
  };
  const listener = Bun.listen({ unix: paths.socket, socket: { open: count, data: count } });
  await Bun.$`chown 12345 ${paths.socket}`;
  expect((await rejectionOf(connectAt(paths))).message).toContain("belongs to user 12345");
  expect(connections).toBe(0);

  // In group mode, opted into here as well, a socket of one's own group is no stranger's.
  await Bun.$`chmod 0660 ${paths.socket}`;
  (await connectAt(paths, { AGENTD_SOCKET_MODE: "0660" })).close();
  await Bun.$`chown 12345:12345 ${paths.socket}`;
  const refusal = await rejectionOf(connectAt(paths, { AGENTD_SOCKET_MODE: "0660" }));
  expect(refusal.message).toContain("belongs to user 12345");
  listener.stop(true);
});
