import { describe, expect, test } from "bun:test";
import { Uncommitted } from "../../src/raft/uncommitted.ts";

describe("Uncommitted", () => {
  test("hands on what the high watermark passes, and then tells who waits, in order", async () => {
    const log = new TestLog();
    log.append("a");
    log.append("b");
    log.append("c");
    await log.turn();
    expect(log.events).toEqual([]);
    log.uncommitted.advance(2);
    await log.turn();
    expect(log.events).toEqual(["committed a,b", "a", "b"]);
    expect(log.uncommitted.isEmpty).toBe(false);
    log.uncommitted.advance(3);
    await log.turn();
    expect(log.events.slice(3)).toEqual(["committed c", "c"]);
    expect(log.uncommitted.isEmpty).toBe(true);
  });

  test("lets others wait for what was there before them", async () => {
    const log = new TestLog();
    await log.uncommitted.whenAll();
    log.append("a");
    void log.uncommitted.whenAll().then(() => log.events.push("after a"));
    await log.turn();
    expect(log.events).toEqual([]);
    log.uncommitted.advance(1);
    await log.turn();
    expect(log.events).toEqual(["committed a", "a", "after a"]);
  });

  test("rejects all who wait when nothing can be committed any more", async () => {
    const log = new TestLog();
    log.append("a");
    log.append("b");
    log.uncommitted.fail(new Error("EIO"));
    await log.turn();
    expect(log.events).toEqual(["a EIO", "b EIO"]);
    expect(log.uncommitted.isEmpty).toBe(true);
  });
});

class TestLog {
  readonly events: string[] = [];
  readonly uncommitted = new Uncommitted<string>(
    (batches) => void this.events.push(`committed ${batches}`),
  );
  #endOffset = 0;

  append(name: string): void {
    this.uncommitted.add(++this.#endOffset, name).then(
      () => this.events.push(name),
      (error: Error) => this.events.push(`${name} ${error.message}`),
    );
  }

  turn(): Promise<void> {
    return Promise.resolve();
  }
}
