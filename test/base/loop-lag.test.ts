import { expect, test } from "bun:test";
import { LoopLag } from "../../src/base/loop-lag.ts";
import type { Clock } from "../../src/base/world.ts";
import { FakeClock } from "../sim/fake-clock.ts";

test("the loop is watched while there is work, and left alone else", () => {
  const clock = new FakeClock();
  const lag = new LoopLag(clock);
  clock.advance(1000);
  expect([clock.timerCount, lag.delaysUs.count]).toEqual([0, 0]);
  lag.work();
  lag.work();
  clock.advance(9);
  lag.work();
  clock.advance(1000);
  expect([clock.timerCount, lag.delaysUs.count, lag.delaysUs.max]).toEqual([0, 2, 0]);
  lag.work();
  lag.stop();
  lag.work();
  clock.advance(1000);
  expect([clock.timerCount, lag.delaysUs.count]).toEqual([0, 2]);
});

test("a timer that fires late says by how much", () => {
  let nowMs = 0;
  const fires: (() => void)[] = [];
  const clock: Pick<Clock, "monotonicMs" | "schedule"> = {
    monotonicMs: () => nowMs,
    schedule: (_, fire) => {
      fires.push(fire);
      return { cancel: () => {} };
    },
  };
  const lag = new LoopLag(clock);
  lag.work();
  nowMs = 17.25;
  fires.shift()!();
  expect([lag.delaysUs.count, lag.delaysUs.max]).toEqual([1, 7250]);
});
