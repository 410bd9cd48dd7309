import { describe, expect, test } from "bun:test";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../src/log/log-config.ts";
import type { Log } from "../../src/log/log.ts";
import { buildEndTransactionMarker } from "../../src/protocol/control-record.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { setBaseOffset, setPartitionLeaderEpoch } from "../../src/protocol/record-batch.ts";
import { fakeWorld } from "../sim/fake-world.ts";
import { type BatchOptions, batchOf, hostOf, openTestLog, readAll } from "./log-fixture.ts";
import { expectSound } from "./log-soundness.ts";

describe("what a leader sent", () => {
  test("is taken with its offsets, epochs and holes, in one write", async () => {
    const { log, world, take } = await follower();
    take([given(0, 1, { count: 2 })]);
    const { writeCount } = world.disk;
    const result = take([given(2, 1), given(5, 3, { count: 3 }), given(9, 4)]);
    expect(result).toMatchObject({ errorCode: 0, firstOffset: 2, lastOffset: 9, flushed: null });
    expect(world.disk.writeCount).toBe(writeCount + 1);
    expect(log.logEndOffset).toBe(10);
    expect(log.state.epochs.entries).toEqual([
      { epoch: 1, startOffset: 0 },
      { epoch: 3, startOffset: 5 },
      { epoch: 4, startOffset: 9 },
    ]);
    const offsets = (await readAll(log, 0)).map(({ offset }) => offset);
    expect(offsets).toEqual([0, 1, 2, 5, 6, 7, 9]);
  });

  test("may end in a batch that is cut, which is fetched again", async () => {
    const { log, take } = await follower();
    const last = given(1, 0);
    expect(take([given(0, 0), last.subarray(0, last.length - 1)]).errorCode).toBe(0);
    expect(log.logEndOffset).toBe(1);
    expect(take([last.subarray(0, 30)])).toMatchObject({ errorCode: 0, lastOffset: 0 });
    expect(take([last]).errorCode).toBe(0);
    expect(log.logEndOffset).toBe(2);
  });

  test("is refused as a whole where one batch is damaged or out of order", async () => {
    const { log, take } = await follower();
    const damaged = given(1, 0);
    damaged[damaged.length - 1]! ^= 1;
    expect(take([given(0, 0), damaged]).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect(take([given(3, 0), given(2, 0)]).errorCode).toBe(ErrorCode.INVALID_RECORD);
    expect(take([given(3, 0), given(3, 0)]).errorCode).toBe(ErrorCode.INVALID_RECORD);
    expect(log.logEndOffset).toBe(0);
    expect(take([given(0, 0, { count: 3 })]).errorCode).toBe(0);
    expect(take([given(2, 0)]).errorCode).toBe(ErrorCode.INVALID_RECORD);
    expect(log.logEndOffset).toBe(3);
  });

  test("counts up to the epoch that the leader was asked under", async () => {
    const { log, take } = await follower();
    expect(take([given(0, 2), given(1, 5), given(2, 6)], 5)).toMatchObject({ lastOffset: 1 });
    expect(log.latestEpoch).toBe(5);
  });

  test("may be larger than clients may send, and than a segment", async () => {
    const { log, take } = await follower({ maxMessageBytes: 100, segmentBytes: 1000 });
    const batches = [0, 1, 2, 3, 4].map((offset) => given(offset, 0, { valueSize: 300 }));
    expect(take([...batches, given(5, 0, { valueSize: 3000 }), given(6, 0)])).toMatchObject({
      errorCode: 0,
      firstOffset: 0,
      lastOffset: 6,
    });
    const bases = log.state.segments.all.map(({ baseOffset }) => baseOffset);
    expect(bases).toEqual([0, 2, 4, 5, 6]);
    expect(await readAll(log, 0)).toHaveLength(7);
    expectSound(log, "after the append");
  });

  test("may span more offsets than a segment holds", async () => {
    const { log, take } = await follower();
    const far = 2 ** 33;
    expect(take([given(0, 0), given(far, 0), given(far + 1, 0)]).errorCode).toBe(0);
    expect(log.state.segments.all.map(({ baseOffset }) => baseOffset)).toEqual([0, far]);
    expect((await readAll(log, 1)).map(({ offset }) => offset)).toEqual([far, far + 1]);
  });

  test("brings producers and transactions with it, unasked", async () => {
    const { log, take } = await follower();
    const producer = { producerId: 7, producerEpoch: 2, isTransactional: true };
    take([given(0, 0, { ...producer, baseSequence: 40, count: 2 })]);
    const [entry] = log.activeProducers();
    expect(entry).toMatchObject({ lastSequence: 41, transactionFirstOffset: 0 });
    const marker = buildEndTransactionMarker({
      isCommit: false,
      producerId: 7,
      producerEpoch: 2,
      coordinatorEpoch: 1,
      timestamp: 1000,
    });
    take([placed(marker, 2, 0)]);
    expect(log.state.segments.active.transactionIndex.entries()).toMatchObject([
      { producerId: 7, firstOffset: 0, lastOffset: 2, lastStableOffset: 3 },
    ]);
    log.advanceHighWatermark(2);
    expect(log.lastStableOffset).toBe(0);
    log.advanceHighWatermark(3);
    expect(log.lastStableOffset).toBe(3);
  });
});

function given(offset: number, epoch: number, options: BatchOptions = {}): Buffer {
  return placed(batchOf(options), offset, epoch);
}

function placed(batch: Buffer, offset: number, epoch: number): Buffer {
  setBaseOffset(batch, 0, offset);
  setPartitionLeaderEpoch(batch, 0, epoch);
  return batch;
}

async function follower(config: Partial<LogConfig> = {}) {
  const world = fakeWorld();
  const host = hostOf(world);
  const log: Log = await openTestLog(host, { config: { ...DEFAULT_LOG_CONFIG, ...config } });
  const take = (batches: readonly Buffer[], leaderEpoch = 9) => {
    return log.appendAsFollower(Buffer.concat(batches), leaderEpoch, 1000);
  };
  return { world, log, take };
}
