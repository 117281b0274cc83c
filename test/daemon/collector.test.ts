import { expect, test } from "bun:test";
import { Collector } from "../../src/daemon/collector.ts";

const megabyte = 1 << 20;

test("what was let go of is collected once the process is at rest, and once only", async () => {
  const collected = Promise.withResolvers<void>();
  let times = 0;
  const collector = new Collector(() => {
    times++;
    collected.resolve();
  });
  for (const mb of [10, 40, 30, 20, 5, 5, 0]) collector.observe(mb * megabyte);
  expect(times).toBe(0);
  await collected.promise;
  collector.observe(0);
  expect(times).toBe(1);
});

test("little is left to the process's own collector", async () => {
  const collected = Promise.withResolvers<string>();
  const small = new Collector(() => collected.resolve("the small one"));
  for (const mb of [15, 0, 15, 0]) small.observe(mb * megabyte);
  const large = new Collector(() => collected.resolve("the large one"));
  for (const mb of [16, 0]) large.observe(mb * megabyte);
  expect(await collected.promise).toBe("the large one");
});
