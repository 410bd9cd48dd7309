import { describe, expect, test } from "bun:test";
import { CommitQueue } from "../../src/partition/commit-queue.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { FakeClock } from "../sim/fake-clock.ts";

describe("CommitQueue", () => {
  test("answers from the front, up to the high watermark", async () => {
    const queue = new CommitQueue(new FakeClock());
    const answers: string[] = [];
    const wait = (offset: number) =>
      queue.wait(offset, 1000).then((error) => answers.push(`${offset}: ${error}`));
    const waits = [wait(10), wait(14), wait(14), wait(20)];
    queue.advance(9);
    await Promise.resolve();
    expect(answers).toEqual([]);
    queue.advance(14);
    await Promise.all(waits.slice(0, 3));
    expect(answers).toEqual(["10: 0", "14: 0", "14: 0"]);
    queue.advance(25);
    await waits[3];
    expect(answers).toHaveLength(4);
  });

  test("answers REQUEST_TIMED_OUT once, and lets the others go on", async () => {
    const clock = new FakeClock();
    const queue = new CommitQueue(clock);
    const short = queue.wait(5, 100);
    const long = queue.wait(6, 5000);
    clock.advance(150);
    expect(await short).toBe(ErrorCode.REQUEST_TIMED_OUT);
    queue.advance(6);
    expect(await long).toBe(ErrorCode.NONE);
  });

  test("fails all with one reason when the leader changes", async () => {
    const queue = new CommitQueue(new FakeClock());
    const waits = [queue.wait(1, 1000), queue.wait(2, 1000)];
    queue.fail(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(await Promise.all(waits)).toEqual([
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ]);
  });

  test("begins again at a lower offset after it was emptied", async () => {
    const queue = new CommitQueue(new FakeClock());
    const first = queue.wait(100, 1000);
    queue.fail(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    await first;
    const second = queue.wait(3, 1000);
    queue.advance(3);
    expect(await second).toBe(ErrorCode.NONE);
  });

  test("answers a batch that was sent once more in its own time, behind others though it came", async () => {
    const clock = new FakeClock();
    const queue = new CommitQueue(clock);
    const answers: string[] = [];
    const wait = (offset: number, timeoutMs: number) =>
      queue.wait(offset, timeoutMs).then((error) => answers.push(`${offset}: ${error}`));
    const waits = [wait(10, 1000), wait(12, 1000), wait(10, 1000), wait(11, 100)];
    expect(queue.length).toBe(4);
    queue.advance(10);
    await Promise.all([waits[0], waits[2]]);
    expect(answers).toEqual(["10: 0", "10: 0"]);
    clock.advance(100);
    await waits[3];
    expect(answers.at(-1)).toBe(`11: ${ErrorCode.REQUEST_TIMED_OUT}`);
    queue.fail(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    await waits[1];
    expect(answers.at(-1)).toBe(`12: ${ErrorCode.NOT_LEADER_OR_FOLLOWER}`);
    expect(queue.length).toBe(0);
  });

  test("keeps none that have timed out, however long nothing is committed", async () => {
    const clock = new FakeClock();
    const queue = new CommitQueue(clock);
    for (let offset = 1; offset <= 100; offset++) {
      void queue.wait(offset, 50);
      void queue.wait(1, 50);
      clock.advance(10);
      expect(queue.length).toBeLessThan(14);
    }
  });
});
