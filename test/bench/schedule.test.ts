import { describe, expect, test } from "bun:test";
import { Schedule } from "../../bench/load/typescript/schedule.ts";

function schedule(more: { groupCount?: number; spread?: number; seconds?: number } = {}): Schedule {
  const shape = { groupCount: 4, spread: 1, seconds: 2, ...more };
  return new Schedule({ requestBytes: 1000, bytesPerSecond: 100_000, ...shape });
}

describe("the schedule of the open loop", () => {
  test("requests are due at even intervals, as many as the rate says", () => {
    const even = schedule();
    expect(even.total).toBe(200);
    expect(even.dueUs(0)).toBe(0);
    expect(even.dueUs(1)).toBe(10_000);
    expect(even.dueUs(150)).toBe(1_500_000);
  });

  test("what was late is due at once, and nothing before its time or behind the end", () => {
    const even = schedule();
    expect(even.dueCount(0)).toBe(1);
    expect(even.dueCount(9999)).toBe(1);
    expect(even.dueCount(10_000)).toBe(2);
    // A stall of half a second leaves 50 that should have been sent.
    expect(even.dueCount(500_000)).toBe(51);
    expect(even.dueCount(60_000_000)).toBe(200);
  });

  test("a batch of a partition is due when its request was", () => {
    const even = schedule({ groupCount: 4 });
    for (let request = 0; request < even.total; request++) {
      const partition = even.groupOf(request);
      const n = Math.floor(request / 4);
      expect(even.dueUsOfBatch(partition, n)).toBe(even.dueUs(request));
    }
  });

  test("the partitions of a group share a request", () => {
    const grouped = schedule({ groupCount: 2, spread: 3 });
    expect(grouped.dueUsOfBatch(0, 5)).toBe(grouped.dueUsOfBatch(2, 5));
    expect(grouped.dueUsOfBatch(3, 5)).toBe(grouped.dueUs(11));
  });

  test("batches of all partitions are all requests, also when it ends early", () => {
    const even = schedule({ groupCount: 3 });
    const count = () => [0, 1, 2].reduce((sum, partition) => sum + even.batchesOf(partition), 0);
    expect(count()).toBe(200);
    even.end(4);
    expect(even.total).toBe(4);
    expect([0, 1, 2].map((partition) => even.batchesOf(partition))).toEqual([2, 1, 1]);
    even.end(0);
    expect(count()).toBe(0);
  });
});
