import { describe, expect, test } from "bun:test";
import { RetryingPersister } from "../../../src/coordinator/share/retrying-persister.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import {
  acknowledged,
  KEY,
  OTHER_KEY,
  OTHER_TOPIC_ID,
  ShareDriver,
  TOPIC_ID,
} from "./share-driver.ts";

describe("states of share partitions", () => {
  test("are the same after a restart", async () => {
    const driver = await ShareDriver.loaded();
    await driver.initialize();
    await driver.initialize(OTHER_KEY, -1);
    for (let offset = 0; offset < 10; offset += 2) await driver.write([acknowledged(offset)]);
    await driver.read(KEY, 7);
    const before = [await driver.read(), await driver.read(OTHER_KEY)];
    const summary = await driver.answer(driver.coordinator.summary(KEY));
    expect(before[0]!.stateBatches).toHaveLength(5);
    const after = await driver.restarted();
    expect([await after.read(), await after.read(OTHER_KEY)]).toEqual(before);
    expect(await after.answer(after.coordinator.summary(KEY))).toEqual(summary);
    const old = await after.read(KEY, 6);
    expect(old.errorCode).toBe(ErrorCode.FENCED_LEADER_EPOCH);
  });

  test("are what is committed, where the node dies in between", async () => {
    const driver = await ShareDriver.loaded();
    await driver.initialize();
    await driver.write([acknowledged(1)]);
    driver.log.commitsAtOnce = false;
    const lost = driver.coordinator.write(KEY, {
      stateEpoch: 0,
      leaderEpoch: -1,
      startOffset: -1,
      deliveryCompleteCount: 1,
      stateBatches: [acknowledged(2)],
    });
    await driver.settle();
    driver.log.loseUncommitted(ErrorCode.KAFKA_STORAGE_ERROR);
    driver.log.commitsAtOnce = true;
    expect(await driver.answer(lost)).toMatchObject({ errorCode: ErrorCode.NOT_COORDINATOR });
    expect((await driver.read()).stateBatches).toEqual([acknowledged(1)]);
    expect((await (await driver.restarted()).read()).stateBatches).toEqual([acknowledged(1)]);
  });

  test("are written as updates, and as a snapshot after so many", async () => {
    const driver = await ShareDriver.loaded();
    await driver.initialize();
    for (let offset = 0; offset < 5; offset++) await driver.write([acknowledged(offset)]);
    const updates = ["update 0", "update 0", "update 0"];
    expect(driver.records()).toEqual(["snapshot 0", ...updates, "snapshot 1", "update 1"]);
    expect((await driver.read()).stateBatches).toEqual([acknowledged(0, 4)]);
  });

  test("go with their topic", async () => {
    const driver = await ShareDriver.loaded();
    await driver.initialize();
    await driver.initialize(OTHER_KEY);
    await driver.answer(driver.coordinator.topicsDeleted(new Set([OTHER_TOPIC_ID])));
    expect((await driver.read(OTHER_KEY)).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    const after = await driver.restarted();
    expect((await after.read()).errorCode).toBe(ErrorCode.NONE);
    expect((await after.read(OTHER_KEY)).errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });

  test("wait for the log's commit before they are answered", async () => {
    const driver = await ShareDriver.loaded();
    driver.log.commitsAtOnce = false;
    let isAnswered = false;
    const initialized = driver.coordinator.initialize(KEY, 0, 0);
    void initialized.then(() => (isAnswered = true));
    await driver.settle();
    expect(isAnswered).toBe(false);
    driver.log.commit();
    expect(await initialized).toEqual({ errorCode: ErrorCode.NONE, errorMessage: null });
  });

  test("that the log does not take in time are told to come again", async () => {
    const driver = await ShareDriver.loaded();
    driver.log.commitsAtOnce = false;
    const initialized = driver.coordinator.initialize(KEY, 0, 0);
    await driver.settle();
    driver.clock.advance(5_001);
    expect((await driver.answer(initialized)).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  });
});

describe("the log of states", () => {
  test("is deleted below the oldest newest snapshot", async () => {
    const driver = await ShareDriver.loaded();
    await driver.initialize();
    await driver.initialize(OTHER_KEY);
    for (let offset = 0; offset < 4; offset++) await driver.write([acknowledged(offset)]);
    await advance(driver, 60_000);
    // The other partition's only snapshot is record 1.
    expect(driver.log.logStartOffset).toBe(1);
    for (let offset = 0; offset < 4; offset++) {
      await driver.write([acknowledged(offset)], OTHER_KEY);
    }
    await advance(driver, 60_000);
    expect(driver.log.logStartOffset).toBe(5);
    const before = [await driver.read(), await driver.read(OTHER_KEY)];
    const after = await driver.restarted();
    expect([await after.read(), await after.read(OTHER_KEY)]).toEqual(before);
  });

  test("may lose all before the tombstone of the last partition", async () => {
    const driver = await ShareDriver.loaded();
    await driver.initialize();
    await driver.answer(driver.coordinator.delete(KEY));
    await advance(driver, 60_000);
    expect(driver.log.logStartOffset).toBe(1);
    const after = await driver.restarted();
    expect((await after.read()).errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });

  test("keeps what is not committed yet", async () => {
    const driver = await ShareDriver.loaded();
    await driver.initialize();
    driver.log.commitsAtOnce = false;
    void driver.coordinator.initialize(KEY, 1, 5);
    await advance(driver, 60_000);
    expect(driver.log.logStartOffset).toBe(0);
    driver.log.commit();
    await driver.settle();
    expect(driver.log.logStartOffset).toBe(1);
  });

  test("gets a new snapshot of a quiet partition while others are busy", async () => {
    const driver = await ShareDriver.loaded();
    await driver.initialize();
    await advance(driver, 200_000);
    await driver.initialize(OTHER_KEY);
    await advance(driver, 100_000);
    expect(driver.records()).toEqual(["snapshot 0", "snapshot 0", "snapshot 1"]);
    await advance(driver, 300_000);
    expect(driver.records().slice(3)).toEqual(["snapshot 2", "snapshot 1"]);
    const before = [await driver.read(), await driver.read(OTHER_KEY)];
    // Now all of them are cold: nothing moves, so nothing is written.
    await advance(driver, 600_000);
    expect(driver.records()).toHaveLength(5);
    const after = await driver.restarted();
    expect([await after.read(), await after.read(OTHER_KEY)]).toEqual(before);
  });

  test("gathers records for as long as it is told to", async () => {
    const driver = await ShareDriver.loaded({ config: { shareCoordinatorAppendLingerMs: 20 } });
    const answers = [driver.coordinator.initialize(KEY, 0, 0)];
    await advance(driver, 10);
    answers.push(driver.coordinator.initialize(OTHER_KEY, 0, 0));
    await driver.settle();
    expect(driver.log.batches).toHaveLength(0);
    await advance(driver, 10);
    expect(driver.log.batches).toHaveLength(1);
    expect((await Promise.all(answers)).map(({ errorCode }) => errorCode)).toEqual([0, 0]);
  });
});

describe("the persister", () => {
  test("asks again while there is no topic, and while it is loaded", async () => {
    const before = await ShareDriver.loaded();
    await before.initialize(OTHER_KEY);
    const log = before.log.reopened();
    log.holdsReads = true;
    const driver = new ShareDriver({ log });
    let asked = 0;
    const persister = new RetryingPersister({
      clock: driver.clock,
      coordinatorOf: () => (++asked > 3 ? driver.coordinator : null),
      hasPartition: () => true,
    });
    const initialized = persister.initializeState(KEY, 0, 5);
    for (let turn = 0; turn < 10; turn++) await advance(driver, 100);
    log.releaseReads();
    for (let turn = 0; turn < 20; turn++) await advance(driver, 100);
    expect(await initialized).toEqual({ errorCode: ErrorCode.NONE, errorMessage: null });
    expect(asked).toBeGreaterThan(3);
    const read = await driver.answer(persister.readState(KEY, 0));
    expect(read).toMatchObject({ errorCode: ErrorCode.NONE, startOffset: 5, stateEpoch: 0 });
  });

  test("gives up after a while, and at once where the node stops", async () => {
    const driver = await ShareDriver.loaded();
    const persister = new RetryingPersister({
      clock: driver.clock,
      coordinatorOf: () => null,
      hasPartition: () => true,
    });
    const first = persister.deleteState(KEY);
    for (let turn = 0; turn < 40; turn++) await advance(driver, 1_000);
    const error = {
      errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
      errorMessage: "Error in find coordinator. The coordinator is not available.",
    };
    expect(await first).toEqual(error);
    const second = persister.readState(KEY, 0);
    await driver.settle();
    persister.stop();
    expect(await second).toMatchObject(error);
  });

  test("does not ask again where that would not help", async () => {
    const driver = await ShareDriver.loaded();
    const persister = new RetryingPersister({
      clock: driver.clock,
      coordinatorOf: () => driver.coordinator,
      hasPartition: () => true,
    });
    const read = await driver.answer(persister.readState({ ...KEY, topicId: TOPIC_ID }, 0));
    expect(read).toEqual({
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage:
        "Error in read state RPC. Read operation on uninitialized share partition not allowed.",
      stateEpoch: 0,
      startOffset: 0,
      stateBatches: [],
    });
  });
});

async function advance(driver: ShareDriver, ms: number): Promise<void> {
  driver.clock.advance(ms);
  await driver.settle();
}
