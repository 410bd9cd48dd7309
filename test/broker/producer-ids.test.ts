import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import { ProducerIds } from "../../src/broker/producer-ids.ts";
import type { ProducerIdBlock } from "../../src/metadata/controller/allocate-producer-ids.ts";
import { MetadataStoppedError } from "../../src/metadata/metadata-errors.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { FakeClock } from "../sim/fake-clock.ts";

const SIZE = 10;

/** A controller that hands out blocks of ten when it is told to. */
function make() {
  const clock = new FakeClock();
  const waiting: { settle: (block: ProducerIdBlock) => void; fail: (error: Error) => void }[] = [];
  let asked = 0;
  let nextStart = 0;
  const ids = new ProducerIds({
    clock,
    logger: silentLogger,
    allocate: () => {
      asked++;
      const { promise, resolve, reject } = Promise.withResolvers<ProducerIdBlock>();
      waiting.push({ settle: resolve, fail: reject });
      return promise;
    },
  });
  const give = () => {
    waiting.shift()!.settle(block(ErrorCode.NONE, nextStart));
    nextStart += SIZE;
    clock.settle();
  };
  const refuse = (errorCode: ErrorCode) => {
    waiting.shift()!.settle(block(errorCode, 0));
    clock.settle();
  };
  const stop = () => {
    waiting.shift()!.fail(new MetadataStoppedError("stopping"));
    clock.settle();
  };
  const take = (count: number) =>
    Array.from({ length: count }, () => clock.await(ids.next()).producerId);
  return { clock, ids, give, refuse, stop, take, asked: () => asked };
}

function block(errorCode: ErrorCode, producerIdStart: number): ProducerIdBlock {
  return { errorCode, producerIdStart, producerIdLength: SIZE };
}

const NOT_YET = { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, producerId: -1 };

describe("producer ids", () => {
  test("come in order from blocks, and the next block is asked for ahead", () => {
    const { ids, clock, give, take, asked } = make();
    const first = ids.next();
    give();
    expect(clock.await(first)).toEqual({ errorCode: ErrorCode.NONE, producerId: 0 });
    expect(take(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(asked()).toBe(1);
    expect(take(1)).toEqual([9]);
    expect(asked()).toBe(2);
    give();
    expect(take(3)).toEqual([10, 11, 12]);
    expect(asked()).toBe(2);
  });

  test("are each given once to all that wait for one block", () => {
    const { ids, clock, give, asked } = make();
    const waits = Array.from({ length: 25 }, () => ids.next());
    for (let blocks = 0; blocks < 3; blocks++) give();
    const given = waits.map((wait) => clock.await(wait).producerId);
    expect(given).toEqual(Array.from({ length: 25 }, (_, index) => index));
    expect(asked()).toBe(3);
  });

  test("are refused for a moment after the controller refused", () => {
    const { ids, clock, refuse, give, asked } = make();
    const first = ids.next();
    refuse(ErrorCode.STALE_BROKER_EPOCH);
    expect(clock.await(first)).toEqual(NOT_YET);
    expect(clock.await(ids.next())).toEqual(NOT_YET);
    expect(asked()).toBe(1);
    clock.advance(50);
    const later = ids.next();
    give();
    expect(clock.await(later).producerId).toBe(0);
    expect(asked()).toBe(2);
  });

  test("are refused while the node stops", () => {
    const { ids, clock, stop } = make();
    const first = ids.next();
    stop();
    expect(clock.await(first)).toEqual(NOT_YET);
  });

  test("never go back, whatever the controller gives", () => {
    const { ids, clock, give, refuse, take } = make();
    const first = ids.next();
    give();
    clock.settle();
    expect(clock.await(first).producerId).toBe(0);
    expect(take(9)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // The same block again.
    refuse(ErrorCode.NONE);
    expect(clock.await(ids.next())).toEqual(NOT_YET);
  });
});
