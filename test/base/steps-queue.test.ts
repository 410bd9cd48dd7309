import { expect, test } from "bun:test";
import type { Steps } from "../../src/base/slices.ts";
import { StepsQueue } from "../../src/base/steps-queue.ts";
import { FakeClock } from "../sim/fake-clock.ts";

test("does what is short, and has nothing before it, at once", async () => {
  const seen: string[] = [];
  const queue = new StepsQueue(new FakeClock());
  const done = queue.run(() => work(seen, "a", 3));
  expect(seen).toEqual(["a0", "a1", "a2"]);
  expect(await done).toBe("a");
});

test("takes what is long in several turns, and what comes meanwhile behind it", () => {
  const seen: string[] = [];
  const clock = slowClock();
  const queue = new StepsQueue(clock);
  const all = ["a", "b", "c"].map((name) => queue.run(() => work(seen, name, 6)));
  expect(seen.length).toBeLessThan(6);
  clock.afterTurn(() => seen.push("another turn"));
  expect(clock.await(Promise.all(all))).toEqual(["a", "b", "c"]);
  const others = seen.filter((each) => each !== "another turn");
  const inOrder = ["a", "b", "c"].flatMap((name) => [0, 1, 2, 3, 4, 5].map((at) => name + at));
  expect(others).toEqual(inOrder);
  expect(seen.indexOf("another turn")).toBeLessThan(seen.indexOf("a5"));
});

test("waits for no outcome, and goes on behind what fails", () => {
  const clock = slowClock();
  const queue = new StepsQueue(clock);
  const never = queue.run(() => forgotten());
  const failed = [queue.run(() => failing(0)), queue.run(() => failing(9))];
  const last = queue.run(() => work([], "last", 9));
  expect(clock.await(last)).toBe("last");
  const settled = clock.await(Promise.allSettled(failed));
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(Bun.peek.status(never)).toBe("pending");
});

function slowClock(): FakeClock {
  const clock = new FakeClock();
  clock.lookTakesMs = 1;
  return clock;
}

function* work(seen: string[], name: string, count: number): Steps<Promise<string>> {
  for (let at = 0; at < count; at++) {
    seen.push(`${name}${at}`);
    yield;
  }
  return Promise.resolve(name);
}

function* forgotten(): Steps<Promise<null>> {
  for (let at = 0; at < 9; at++) yield;
  return new Promise(() => {});
}

function* failing(steps: number): Steps<Promise<null>> {
  for (let at = 0; at < steps; at++) yield;
  throw new Error("it fails");
}
