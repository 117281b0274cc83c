import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Cache } from "../../src/service/cache.ts";

const bytesMax = 10_000;

describe("a cache", () => {
  test("never takes more than its bytes, however many or large the values are", () => {
    const put = fc.record({ key: fc.string({ maxLength: 3 }), bytes: fc.nat(6_000), reads: fc.array(fc.string()) });
    fc.assert(
      fc.property(fc.array(put, { size: "max", maxLength: 300 }), (puts) => {
        const cache = new Cache<number>(bytesMax);
        for (const { key, bytes, reads } of puts) {
          cache.set(key, bytes, bytes);
          for (const read of [key, ...reads]) cache.get(read);
          expect(cache.bytes).toBeLessThanOrEqual(bytesMax);
          expect([undefined, bytes]).toContain(cache.get(key));
        }
      }),
      { numRuns: 50 },
    );
  });

  test("keeps what is used, whatever else comes", () => {
    const cache = new Cache<string>(bytesMax);
    cache.set("used", "value", 100);
    for (let n = 0; n < 1_000; n++) {
      cache.set(`other ${n}`, "value", 100);
      expect(cache.get("used")).toBe("value");
    }
    expect(cache.get("other 0")).toBeUndefined();
  });

  test("counts keys, too, and does not keep what alone has no room", () => {
    const cache = new Cache<string>(bytesMax);
    cache.set("x".repeat(bytesMax), "value", 0);
    expect(cache.bytes).toBe(0);
  });

  test("counts a value once that is set anew, and nothing once it is cleared", () => {
    const cache = new Cache<string>(bytesMax);
    for (let n = 0; n < 10; n++) cache.set("key", "value", 1_000);
    expect(cache.bytes).toBeLessThan(1_500);
    cache.clear();
    expect([cache.bytes, cache.has("key")]).toEqual([0, false]);
  });
});
