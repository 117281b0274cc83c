import { expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { peerUid, tryLockFile } from "../../src/native/libc.ts";
import { scratch } from "../daemon/daemon-process.ts";
import { LineClient } from "../daemon/line-client.ts";

test("a socket has a descriptor, though Bun's types do not say so, and it tells the user at the other end", async () => {
  using place = scratch();
  const path = join(place.path, "socket");
  const peer = Promise.withResolvers<number | null>();
  const server = Bun.listen({
    unix: path,
    socket: {
      open: (socket) => peer.resolve(peerUid((socket as unknown as { fd: number }).fd)),
      data: () => undefined,
    },
  });
  try {
    using _client = await LineClient.connect(path);
    expect(await peer.promise).toBe(process.geteuid?.() ?? -1);
  } finally {
    server.stop(true);
  }
});

test("what is no socket tells no user", () => {
  using place = scratch();
  const fd = openSync(join(place.path, "file"), "w");
  expect(peerUid(fd)).toBeNull();
  closeSync(fd);
  expect(peerUid(-1)).toBeNull();
});

test("a file is locked by one open descriptor at a time, until that is closed", () => {
  using place = scratch();
  const open = () => openSync(join(place.path, "lock"), "a+", 0o600);
  const [first, second] = [open(), open()];
  expect([tryLockFile(first), tryLockFile(second)]).toEqual([true, false]);
  closeSync(first);
  expect(tryLockFile(second)).toBe(true);
  closeSync(second);
});
