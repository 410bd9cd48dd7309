import { describe, expect, test } from "bun:test";
import { Signal, startWait, waitUntil } from "../../src/base/signal.ts";
import { FakeClock } from "../sim/fake-clock.ts";

describe("a signal", () => {
  test("lets a wait end when its condition holds after a move, and not before", () => {
    const { clock, signal } = make();
    let level = 0;
    const outcome = watch(waitUntil(clock, [signal], 100, () => level >= 2));
    level = 1;
    signal.move();
    clock.settle();
    expect(outcome.value).toBeUndefined();
    level = 2;
    clock.settle();
    expect(outcome.value).toBeUndefined();
    signal.move();
    clock.settle();
    expect(outcome.value).toBe(true);
    expect(signal.waitCount).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  test("asks a condition once a turn, however often it moved", () => {
    const { clock, signal } = make();
    const other = new Signal();
    let asked = 0;
    void waitUntil(clock, [signal, other], 100, () => {
      asked++;
      return false;
    });
    for (let move = 0; move < 10; move++) {
      signal.move();
      other.move();
    }
    clock.settle();
    expect(asked).toBe(2);
    signal.move();
    clock.settle();
    expect(asked).toBe(3);
  });

  test("gives up at the deadline, and leaves all its signals", () => {
    const { clock, signal } = make();
    const other = new Signal();
    const outcome = watch(waitUntil(clock, [signal, other], 100, () => false));
    clock.advance(99);
    expect(outcome.value).toBeUndefined();
    clock.advance(1);
    expect(outcome.value).toBe(false);
    expect(signal.waitCount + other.waitCount).toBe(0);
    signal.move();
    clock.settle();
    expect(outcome.value).toBe(false);
  });

  test("a move right at the deadline still counts", () => {
    const { clock, signal } = make();
    let holds = false;
    const outcome = watch(waitUntil(clock, [signal], 100, () => holds));
    clock.schedule(99.5, () => {
      holds = true;
    });
    clock.advance(100);
    expect(outcome.value).toBe(true);
  });

  test("does not wait for what holds already, nor without time", () => {
    const { clock, signal } = make();
    const atOnce = watch(waitUntil(clock, [signal], 100, () => true));
    const never = watch(waitUntil(clock, [signal], 0, () => false));
    clock.settle();
    expect([atOnce.value, never.value]).toEqual([true, false]);
    expect(signal.waitCount).toBe(0);
  });

  test("forgets a wait that was cancelled, even one that is about to be asked", () => {
    const { clock, signal } = make();
    let asked = 0;
    const wait = startWait(clock, [signal], Infinity, () => ++asked > 1);
    const outcome = watch(wait.result);
    signal.move();
    wait.cancel();
    wait.cancel();
    clock.settle();
    expect(asked).toBe(1);
    expect(outcome.value).toBe(false);
    expect(signal.waitCount).toBe(0);
  });

  test("wakes only those who wait for it", () => {
    const { clock, signal } = make();
    const other = new Signal();
    let asked = 0;
    for (let wait = 0; wait < 100; wait++) {
      void waitUntil(clock, [other], 100, () => {
        asked++;
        return false;
      });
    }
    asked = 0;
    signal.move();
    clock.settle();
    expect(asked).toBe(0);
  });
});

function make(): { clock: FakeClock; signal: Signal } {
  return { clock: new FakeClock(), signal: new Signal() };
}

function watch<T>(promise: Promise<T>): { value: T | undefined } {
  const outcome: { value: T | undefined } = { value: undefined };
  void promise.then((value) => (outcome.value = value));
  return outcome;
}
