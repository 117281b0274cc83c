import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { Session } from "../../../src/cli/session.ts";
import { Feed } from "../../../src/cli/watch/feed.ts";
import { temporaryHome } from "../../support/daemon.ts";

const shuttingDown = JSON.stringify({
  error: { code: -32000, message: "stopping", data: { kind: "SHUTTING_DOWN", retryable: true } },
});

const unasked = () => Promise.reject(new Error("nobody asks for it"));

test("q pressed before a connection has found the daemon again hung: that connection was made, and waited on", async () => {
  await using home = await temporaryHome();
  let connections = 0;
  const asked = Promise.withResolvers<void>();
  mkdirSync(home.path, { mode: 0o700 });
  using _listener = Bun.listen({
    unix: home.socket,
    socket: {
      open: () => void connections++,
      data(socket) {
        socket.write(`${shuttingDown}\n`);
        asked.resolve();
      },
    },
  });
  const globals = { json: false, get: undefined, noStart: true, at: { cwd: "/", home: home.path, socket: undefined } };
  const session = new Session(
    globals,
    { program: [], serve: () => Promise.resolve(), verifyBackup: unasked, restore: unasked, pageFaults: unasked },
    () => Promise.resolve(""),
  );
  const away = Promise.withResolvers<void>();
  const feed = new Feed(session, null, () => away.resolve());
  const run = feed.run();
  await asked.promise;
  await away.promise;
  const before = connections;
  feed[Symbol.dispose]();
  await run;
  expect(connections).toBe(before);
});
