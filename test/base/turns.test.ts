import { expect, test } from "bun:test";
import { drainMicrotasks } from "bun:jsc";
import { Signal, waitUntil } from "../../src/base/signal.ts";
import { Pace, Slices } from "../../src/base/slices.ts";
import { TURN_MS, Turns } from "../../src/base/turns.ts";
import { FakeClock } from "../sim/fake-clock.ts";

/** A clock whose turns a test takes by itself. */
function make() {
  let nowMs = 0;
  let ends: (() => void)[] = [];
  const clock = {
    monotonicMs: () => nowMs,
    afterTurn: (callback: () => void) => void ends.push(callback),
  };
  const turns = new Turns(clock, drainMicrotasks);
  const done: string[] = [];
  return {
    turns,
    done,
    /** What is done in one turn. */
    turn() {
      const [from, callbacks] = [done.length, ends];
      ends = [];
      for (const callback of callbacks) callback();
      return done.slice(from);
    },
    work: (name: string, tookMs: number) => () => {
      done.push(name);
      nowMs += tookMs;
    },
  };
}

test("does what is short in one turn, in its order, and what is called for then in the next", () => {
  const { turns, turn, work } = make();
  turns.push(work("a", 0.1));
  turns.push(() => turns.push(work("c", 0.1)));
  turns.push(work("b", 0.1));
  expect(turn()).toEqual(["a", "b"]);
  expect(turn()).toEqual(["c"]);
  expect(turn()).toEqual([]);
});

test("leaves for the next turn what no time is left for, before what comes later", () => {
  const { turns, turn, work } = make();
  for (const name of ["a", "b", "c", "d"]) turns.push(work(name, TURN_MS * 0.6));
  expect(turn()).toEqual(["a", "b"]);
  turns.push(work("e", 0));
  expect(turn()).toEqual(["c", "d"]);
  expect(turn()).toEqual(["e"]);
});

test("counts what follows from a call by its promises", () => {
  const { turns, turn, work } = make();
  for (const name of ["a", "b", "c"]) {
    turns.push(
      () =>
        void Promise.resolve()
          .then(() => null)
          .then(work(name, TURN_MS)),
    );
  }
  expect([turn(), turn(), turn(), turn()]).toEqual([["a"], ["b"], ["c"], []]);
});

test("goes on behind what throws", () => {
  const { turns, turn, work } = make();
  turns.push(() => {
    throw new Error("a bug");
  });
  turns.push(work("b", 0));
  expect(turn).toThrow("a bug");
  expect(turn()).toEqual(["b"]);
});

test("long works share a turn, in place of a slice each", () => {
  const clock = new FakeClock();
  clock.lookTakesMs = TURN_MS / 4;
  let [turns, isOver] = [0, false];
  const count = () => {
    turns++;
    if (!isOver) clock.afterTurn(count);
  };
  clock.afterTurn(count);
  const works = Array.from({ length: 50 }, () => {
    return new Slices(clock).map(Array.from({ length: 64 }), () => null);
  });
  clock.await(Promise.all(works).finally(() => (isOver = true)));
  // Each looks at the clock four times, a slice's time.
  expect(turns).toBeGreaterThan(25);
});

test("of very many who wait for one move, some are woken in later turns", () => {
  const clock = new FakeClock();
  const signal = new Signal();
  let [hasMoved, turns] = [false, 0];
  const turnOf: number[] = [];
  const waits = Array.from({ length: 50 }, async () => {
    await waitUntil(clock, [signal], 1000, () => hasMoved);
    // Its answer takes a while.
    clock.lookTakesMs = TURN_MS / 10;
    turnOf.push(turns);
  });
  clock.settle();
  hasMoved = true;
  signal.move();
  const count = () => {
    turns++;
    if (turnOf.length < 50) clock.afterTurn(count);
  };
  clock.afterTurn(count);
  clock.await(Promise.all(waits));
  expect(new Set(turnOf).size).toBeGreaterThan(3);
  expect(turnOf).toEqual(turnOf.toSorted((a, b) => a - b));
});

test("a pace ends a step with each so many-th", () => {
  const pace = new Pace(3);
  const ends = Array.from({ length: 7 }, () => pace.endsStep());
  expect(ends).toEqual([false, false, true, false, false, true, false]);
});
