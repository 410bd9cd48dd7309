import { describe, expect, test } from "bun:test";
import { Deadlines, type Deadline } from "../../src/coordinator/deadlines.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { FakeRandom } from "../sim/fake-random.ts";

function start() {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const fired: string[] = [];
  const named = (name: string) => deadlines.create(() => void fired.push(name));
  return { clock, deadlines, fired, named };
}

describe("a deadline", () => {
  test("fires once, when it is due", () => {
    const { clock, deadlines, fired, named } = start();
    named("a").set(100);
    clock.advance(99);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual(["a"]);
    clock.advance(1000);
    expect(fired).toEqual(["a"]);
    expect(deadlines.count).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  test("that moves later fires at the later time only", () => {
    const { clock, fired, named } = start();
    const a = named("a");
    a.set(100);
    clock.advance(60);
    a.set(100);
    clock.advance(60);
    a.set(100);
    clock.advance(99);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual(["a"]);
  });

  test("that moves earlier fires at the earlier time", () => {
    const { clock, fired, named } = start();
    const [a, b] = [named("a"), named("b")];
    a.set(100);
    b.set(50);
    a.set(10);
    clock.advance(10);
    expect(fired).toEqual(["a"]);
    clock.advance(40);
    expect(fired).toEqual(["a", "b"]);
  });

  test("that is cancelled does not fire, and can be set again", () => {
    const { clock, fired, named } = start();
    const a = named("a");
    a.set(10);
    a.cancel();
    a.cancel();
    expect(a.isSet).toBe(false);
    clock.advance(20);
    expect(fired).toEqual([]);
    a.set(5);
    expect(a.isSet).toBe(true);
    clock.advance(5);
    expect(fired).toEqual(["a"]);
  });

  test("may be set again, and may cancel others, from its callback", () => {
    const { clock, deadlines } = start();
    const fired: number[] = [];
    let other: Deadline | null = null;
    const again = deadlines.create(() => {
      fired.push(clock.monotonicMs());
      other?.cancel();
      if (fired.length < 3) again.set(10);
    });
    other = deadlines.create(() => fired.push(-1));
    again.set(10);
    other.set(10);
    clock.advance(100);
    expect(fired).toEqual([10, 20, 30]);
  });

  test("with a delay below zero fires in the next turn of the clock, not at once", () => {
    const { clock, fired, named } = start();
    named("a").set(-5);
    expect(fired).toEqual([]);
    clock.advance(0);
    expect(fired).toEqual(["a"]);
  });
});

test("nothing fires after close, and nothing can be set", () => {
  const { clock, deadlines, fired, named } = start();
  const [a, b] = [named("a"), named("b")];
  a.set(10);
  deadlines.close();
  b.set(10);
  clock.advance(100);
  expect(fired).toEqual([]);
  expect(deadlines.count).toBe(0);
  expect(clock.timerCount).toBe(0);
});

test("keeping ten thousand alive costs the clock no timer and the heap no move", () => {
  const { clock, deadlines, fired, named } = start();
  const all = Array.from({ length: 10_000 }, (_, index) => named(`${index}`));
  for (const deadline of all) deadline.set(45_000);
  for (let beat = 0; beat < 10; beat++) {
    clock.advance(3_000);
    for (const deadline of all) deadline.set(45_000);
    // They lie where they were first put, though they are due later now.
    expect(deadlines.count).toBe(10_000);
    expect(all.every((deadline) => deadline.queuedMs === 45_000)).toBe(true);
    expect(clock.timerCount).toBe(1);
  }
  clock.advance(45_000);
  expect(fired).toHaveLength(10_000);
});

test("any sequence of calls fires what a plain list would", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new FakeRandom(seed);
    const { clock, fired, deadlines, named } = start();
    const names = Array.from({ length: 20 }, (_, index) => `d${index}`);
    const all = names.map(named);
    const due = new Map<string, number>();
    const expected: string[] = [];
    for (let step = 0; step < 300; step++) {
      const index = random.below(all.length);
      const kind = random.below(10);
      if (kind < 6) {
        const delayMs = random.below(500);
        all[index]!.set(delayMs);
        due.set(names[index]!, clock.monotonicMs() + delayMs);
      } else if (kind < 7) {
        all[index]!.cancel();
        due.delete(names[index]!);
      } else {
        clock.advance(random.below(100));
        for (const [name, dueMs] of [...due].sort((a, b) => a[1] - b[1])) {
          if (dueMs > clock.monotonicMs()) continue;
          expected.push(name);
          due.delete(name);
        }
        // Deadlines of the same moment have no order among them.
        expect(fired.splice(0).sort()).toEqual(expected.splice(0).sort());
        expect(deadlines.count).toBe(due.size);
      }
    }
  }
});
