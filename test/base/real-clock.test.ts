import { describe, expect, test } from "bun:test";
import { realClock } from "../../src/base/real-clock.ts";
import { realRandom } from "../../src/base/real-random.ts";

describe("the real clock", () => {
  test("tells whole wall milliseconds, and monotonic ones that do not go back", () => {
    const clock = realClock();
    expect(Number.isInteger(clock.wallMs())).toBe(true);
    let last = clock.monotonicMs();
    for (let round = 0; round < 1000; round++) {
      const now = clock.monotonicMs();
      if (now < last) expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  });

  test("runs the end of a turn behind promises, once for each call", async () => {
    const clock = realClock();
    const order: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    clock.afterTurn(() => {
      order.push("first");
      clock.afterTurn(() => {
        order.push("next turn");
        resolve();
      });
    });
    clock.afterTurn(() => order.push("second"));
    void Promise.resolve().then(() => order.push("promise"));
    await promise;
    expect(order).toEqual(["promise", "first", "second", "next turn"]);
  });

  test("a cancelled timer does not fire, and one longer than setTimeout can does not at once", async () => {
    const clock = realClock();
    const fired: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancelled = clock.schedule(1, () => fired.push("cancelled"));
    const years = clock.schedule(2 ** 31 + 5, () => fired.push("years"));
    const behind = clock.schedule(-3, () => fired.push("behind"));
    cancelled.cancel();
    clock.schedule(10, resolve);
    await promise;
    behind.cancel();
    years.cancel();
    expect(fired).toEqual(["behind"]);
  });
});

describe("real chance", () => {
  test("fills views of any size, and only them", () => {
    const random = realRandom();
    const whole = new Uint8Array(200_000);
    random.fill(whole.subarray(10, 150_000));
    expect(whole.subarray(0, 10).every((byte) => byte === 0)).toBe(true);
    expect(whole.subarray(150_000).every((byte) => byte === 0)).toBe(true);
    expect(new Set(whole.subarray(149_000, 150_000)).size).toBeGreaterThan(100);
  });

  test("does not repeat itself", () => {
    const random = realRandom();
    const values = new Set(Array.from({ length: 2000 }, () => random.uint32()));
    expect(values.size).toBeGreaterThan(1990);
    expect(Math.max(...values)).toBeLessThan(2 ** 32);
    expect(Math.max(...values)).toBeGreaterThan(2 ** 31);
  });
});
