import { afterAll, afterEach, describe, expect, spyOn, test } from "bun:test";
import { Ticker } from "../../src/daemon/ticker.ts";

/** Something that takes turns: how many it took, and what it says next. */
function turning() {
  const state = { turns: 0, more: 0, msUntilTurn: null as number | null };
  const ticker = new Ticker(
    {
      turn: () => {
        state.turns++;
        return state.more-- > 0;
      },
      msUntilTurn: () => state.msUntilTurn,
    },
    () => undefined,
  );
  return { state, ticker };
}

/** Lets everything run that is due at once. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe("turns", () => {
  test("asked for many times at once run once", async () => {
    const { state, ticker } = turning();
    for (let i = 0; i < 5; i++) ticker.request();
    expect(state.turns).toBe(0);
    await settle();
    expect(state.turns).toBe(1);
  });

  test("follow each other while there is more", async () => {
    const { state, ticker } = turning();
    state.more = 3;
    ticker.request();
    await settle();
    expect(state.turns).toBe(4);
  });

  test("end when they are stopped", async () => {
    const { state, ticker } = turning();
    ticker.request();
    ticker.stop();
    await settle();
    expect(state.turns).toBe(0);
  });
});

describe("the timer", () => {
  const armed = spyOn(globalThis, "setTimeout");
  const disarmed = spyOn(globalThis, "clearTimeout");
  afterEach(() => {
    armed.mockClear();
    disarmed.mockClear();
  });
  afterAll(() => {
    armed.mockRestore();
    disarmed.mockRestore();
  });

  test("does not exist while nothing is due", async () => {
    const { ticker } = turning();
    ticker.request();
    await settle();
    expect(armed).not.toHaveBeenCalled();
  });

  test("runs the next turn when that is due, without being asked", async () => {
    const { state, ticker } = turning();
    state.msUntilTurn = 5;
    ticker.request();
    await settle();
    expect(armed).toHaveBeenCalledTimes(1);
    state.msUntilTurn = null;
    while (state.turns < 2) await Bun.sleep(1);
  });

  test("is moved forward when something falls due earlier, and is taken away with its reason", async () => {
    const { state, ticker } = turning();
    const waits = [60_000, 1_000, null];
    for (const wait of waits) {
      state.msUntilTurn = wait;
      ticker.request();
      await settle();
    }
    expect(armed.mock.calls.map(([, ms]) => ms)).toEqual([60_000, 1_000]);
    expect(disarmed).toHaveBeenCalledTimes(2);
  });

  test("goes when the turns end", async () => {
    const { state, ticker } = turning();
    state.msUntilTurn = 60_000;
    ticker.request();
    await settle();
    ticker.stop();
    expect(disarmed).toHaveBeenCalledTimes(1);
  });
});
