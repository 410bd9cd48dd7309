import { describe, expect, test } from "bun:test";
import { Exchange } from "../../src/server/exchange.ts";
import { ApiStats } from "../../src/server/request-stats.ts";
import { ResponseQueue } from "../../src/server/response-queue.ts";
import { FakeRandom } from "../sim/fake-random.ts";
import { someContext, someFrame, someReader } from "./parts.ts";

describe("a response queue", () => {
  test("answers in the order of requests, in whatever order they finish", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = new FakeRandom(seed);
      const queue = new ResponseQueue();
      const running: Exchange[] = [];
      const answered: number[] = [];
      const count = 60;
      for (let sent = 0; answered.length < count;) {
        if (sent < count && random.chance(0.5)) queue.push(exchangeOf(sent++, random.chance(0.7)));
        for (let next = queue.startNext(); next !== null; next = queue.startNext()) {
          running.push(next);
        }
        expect(queue.runningCount).toBe(running.length);
        const alone = running.filter((exchange) => !exchange.mayOverlap);
        expect(alone.length === 0 || running.length === 1).toBe(true);
        if (running.length > 0 && random.chance(0.5)) {
          const [exchange] = running.splice(random.below(running.length), 1);
          exchange!.finish(null);
          queue.finished(exchange!);
        }
        for (let next = queue.shiftFinished(); next !== null; next = queue.shiftFinished()) {
          answered.push(next.correlationId);
        }
      }
      expect(answered).toEqual(Array.from({ length: count }, (_, index) => index));
      expect([queue.length, queue.runningCount, queue.waitingCount]).toEqual([0, 0, 0]);
    }
  });

  test("starts in order, and nothing beside a request that runs alone", () => {
    const queue = new ResponseQueue();
    const [a, b, c, d] = [true, true, false, true].map((overlap, id) => exchangeOf(id, overlap));
    for (const exchange of [a, b, c, d]) queue.push(exchange!);
    expect(queue.startNext()).toBe(a!);
    expect(queue.startNext()).toBe(b!);
    expect(queue.startNext()).toBe(null);
    finish(queue, b!);
    expect(queue.startNext()).toBe(null);
    finish(queue, a!);
    expect(queue.startNext()).toBe(c!);
    expect(queue.startNext()).toBe(null);
    expect(queue.waitingCount).toBe(1);
    finish(queue, c!);
    expect(queue.startNext()).toBe(d!);
  });

  test("starts nothing behind a request that holds it back, whatever else ends", () => {
    const queue = new ResponseQueue();
    const [a, b, c] = [0, 1, 2].map((id) => exchangeOf(id, true));
    for (const exchange of [a, b, c]) queue.push(exchange!);
    queue.startNext();
    queue.startNext();
    queue.holdBack(b!);
    expect(queue.startNext()).toBe(null);
    finish(queue, a!);
    expect(queue.startNext()).toBe(null);
    finish(queue, b!);
    expect(queue.startNext()).toBe(c!);
    finish(queue, c!);
    // One that is done already holds nobody.
    queue.holdBack(c!);
    queue.push(exchangeOf(3, true));
    expect(queue.startNext()).not.toBe(null);
  });

  test("drops what does not run, and leaves what does to its handler", () => {
    const queue = new ResponseQueue();
    const [a, b, c] = [true, true, false].map((overlap, id) => exchangeOf(id, overlap));
    for (const exchange of [a, b, c]) queue.push(exchange!);
    queue.startNext();
    queue.startNext();
    finish(queue, b!);
    expect(queue.drop()).toEqual([b!, c!]);
    expect(queue.length).toBe(0);
    expect(() => queue.finished(a!)).toThrow("only what runs");
  });
});

function exchangeOf(correlationId: number, mayOverlap: boolean): Exchange {
  return new Exchange(
    someFrame(),
    0,
    0,
    correlationId,
    "",
    someReader(),
    someContext(),
    new ApiStats(0),
    0,
    mayOverlap,
    false,
  );
}

function finish(queue: ResponseQueue, exchange: Exchange): void {
  exchange.finish(null);
  queue.finished(exchange);
}
