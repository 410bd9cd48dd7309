import { describe, expect, test } from "bun:test";
import { CommitQueue } from "../../src/metadata/commit-queue.ts";
import { FakeClock } from "../sim/fake-clock.ts";

describe("CommitQueue", () => {
  test("syncs once for all who come while a sync is under way, and keeps their order", () => {
    const log = new TestLog();
    const queue = log.queue;
    log.append(queue, "a");
    log.append(queue, "b");
    log.clock.settle();
    expect(log.syncs.length).toBe(1);
    log.append(queue, "c");
    log.append(queue, "d");
    log.clock.settle();
    expect(log.events).toEqual([]);
    log.finishSync();
    expect(log.events).toEqual(["committed a,b up to 2", "a", "b"]);
    log.finishSync();
    expect(log.events.slice(3)).toEqual(["committed c,d up to 4", "c", "d"]);
    expect(log.syncs.length).toBe(0);
  });

  test("lets others wait for what was there before them", () => {
    const log = new TestLog();
    const { queue } = log;
    log.clock.await(queue.whenAll());
    log.append(queue, "a");
    void queue.whenAll().then(() => log.events.push("after a"));
    log.clock.settle();
    expect(log.events).toEqual([]);
    log.finishSync();
    expect(log.events).toEqual(["committed a up to 1", "a", "after a"]);
  });

  test("rejects all who wait when a sync fails", () => {
    const log = new TestLog();
    log.append(log.queue, "a");
    log.clock.settle();
    log.append(log.queue, "b");
    log.syncs.shift()!.reject(new Error("EIO"));
    log.clock.settle();
    expect(log.events).toEqual(["failed EIO", "a EIO", "b EIO"]);
  });
});

class TestLog {
  readonly clock = new FakeClock();
  readonly events: string[] = [];
  readonly syncs: { resolve: () => void; reject: (error: Error) => void }[] = [];
  endOffset = 0;
  readonly queue = new CommitQueue<string>(this.clock, {
    endOffset: () => this.endOffset,
    sync: () => new Promise((resolve, reject) => void this.syncs.push({ resolve, reject })),
    committed: (entries, upTo) => void this.events.push(`committed ${entries} up to ${upTo}`),
    failed: (error) => void this.events.push(`failed ${messageOf(error)}`),
  });

  append(queue: CommitQueue<string>, name: string): void {
    this.endOffset++;
    queue.add(this.endOffset, name).then(
      () => this.events.push(name),
      (error: unknown) => this.events.push(`${name} ${messageOf(error)}`),
    );
  }

  finishSync(): void {
    this.syncs.shift()?.resolve();
    this.clock.settle();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
