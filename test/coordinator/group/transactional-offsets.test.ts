import { describe, expect, test } from "bun:test";
import { Verification } from "../../../src/log/verifications.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import * as header from "../../../src/protocol/record-batch.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import { FakeCoordinatorLog } from "../fake-coordinator-log.ts";
import { GroupDriver } from "./group-driver.ts";

const { NONE, ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID } = ErrorCode;

/** What the group answers to whoever wants stable offsets: an error, or an offset. */
function stable(driver: GroupDriver, partitions: number[]): number[] {
  const options = { requireStable: true };
  const { groups = [] } = driver.now(driver.fetch("g", { t1: partitions }, options).promise);
  return groups[0]!.topics![0]!.partitions!.map(({ committedOffset, errorCode }) =>
    errorCode === NONE ? Number(committedOffset) : -errorCode,
  );
}

const UNSTABLE = -ErrorCode.UNSTABLE_OFFSET_COMMIT;

describe("offsets of a transaction", () => {
  test("wait for its marker, in a batch of their producer", () => {
    const driver = new GroupDriver().start();
    driver.commitNow({ offsets: { t1: { 0: 3 } } });
    const offsets = { t1: { 0: 5, 1: 6 } };
    const answered = driver.commitInTransaction({ offsets, producerEpoch: 4 }).value;
    expect(answered).toEqual({ "t1-0": NONE, "t1-1": NONE });
    expect(driver.offsets()).toEqual({ "t1-0": 3 });
    expect(stable(driver, [0, 1, 2])).toEqual([UNSTABLE, UNSTABLE, -1]);
    const batch = driver.log.batches.at(-1)!;
    expect(header.isTransactional(batch, 0)).toBe(true);
    expect(header.producerId(batch, 0)).toBe(7);
    expect(header.producerEpoch(batch, 0)).toBe(4);
    expect(header.baseSequence(batch, 0)).toBe(0);
    expect(driver.restarted().offsets()).toEqual({ "t1-0": 3 });

    expect(driver.endTransaction(true, { producerEpoch: 5, transactionVersion: 2 })).toBe(NONE);
    expect(driver.log.appended.at(-1)).toEqual({ transactionVersion: 2 });
    expect(driver.offsets()).toEqual({ "t1-0": 5, "t1-1": 6 });
    expect(stable(driver, [0, 1])).toEqual([5, 6]);
    expect(driver.restarted().offsets()).toEqual({ "t1-0": 5, "t1-1": 6 });
  });

  test("never were when it aborts", () => {
    const driver = new GroupDriver().start();
    driver.commitNow({ offsets: { t1: { 0: 3 } } });
    expect(driver.commitInTransaction({ offsets: { t1: { 0: 5 } } }).value).toEqual({ "t1-0": 0 });
    expect(driver.endTransaction(false)).toBe(NONE);
    expect(stable(driver, [0])).toEqual([3]);
    expect(driver.restarted().offsets()).toEqual({ "t1-0": 3 });
  });

  test("are in order with the plain commits of the same turn", () => {
    const driver = new GroupDriver().start();
    const first = driver.commitInTurn({ offsets: { t1: { 0: 1 } } });
    const second = driver.commitInTransaction({ offsets: { t1: { 0: 2 } } });
    expect(driver.now(first).topics[0]!.partitions[0]!.errorCode).toBe(NONE);
    expect(second.value).toEqual({ "t1-0": NONE });
    expect(driver.log.batches.map((batch) => header.producerId(batch, 0))).toEqual([-1, 7]);
    expect(driver.endTransaction(true)).toBe(NONE);
    expect(driver.offsets()).toEqual({ "t1-0": 2 });
  });

  test("leave when they are committed, and not before", () => {
    const driver = new GroupDriver().start();
    driver.log.commitsAtOnce = false;
    const call = driver.commitInTransaction({ offsets: { t1: { 0: 5 } } });
    expect(call.isAnswered).toBe(false);
    driver.log.commit();
    expect(call.value).toEqual({ "t1-0": NONE });
  });

  test("are refused where topics are not there, hidden, or too much is said", () => {
    const config = { offsetMetadataMaxBytes: 4096 };
    const driver = new GroupDriver({ config }).start();
    const offsets = { t1: { 0: 5, 100: 1 }, none: { 0: 1 }, t2: { 0: 1 } };
    const topicAllowed = (name: string) => name !== "t2";
    expect(driver.commitInTransaction({ offsets, topicAllowed }).value).toEqual({
      "t1-0": NONE,
      "t1-100": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      "none-0": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      "t2-0": ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    });
    expect(driver.commitInTransaction({ offsets: {} }).value).toEqual({});
    const empty = driver.commitInTransaction({ offsets: { t1: { 0: 1 } }, groupId: "" });
    expect(empty.value).toEqual({ "t1-0": ErrorCode.INVALID_GROUP_ID });
  });
});

describe("who may commit in a transaction", () => {
  test("a producer that names no member, whatever the group does", () => {
    const driver = new GroupDriver().start();
    driver.stableGroup(2);
    const answered = driver.commitInTransaction({ offsets: { t1: { 0: 5 } }, apiVersion: 2 });
    expect(answered.value).toEqual({ "t1-0": NONE });
  });

  test("a member of the generation, and no zombie (KIP-447)", () => {
    const driver = new GroupDriver().start();
    const [memberId = ""] = driver.stableGroup(2);
    const offsets = { t1: { 0: 5 } };
    const commit = (given: object) =>
      driver.commitInTransaction({ offsets, memberId, generationId: 1, ...given }).value["t1-0"];
    expect(commit({})).toBe(NONE);
    expect(commit({ generationId: 0 })).toBe(ILLEGAL_GENERATION);
    expect(commit({ generationId: -1 })).toBe(ILLEGAL_GENERATION);
    expect(commit({ memberId: "zombie" })).toBe(UNKNOWN_MEMBER_ID);
    expect(commit({ memberId: "" })).toBe(UNKNOWN_MEMBER_ID);
    expect(commit({ groupInstanceId: "instance" })).toBe(UNKNOWN_MEMBER_ID);
    expect(commit({ groupId: "other" })).toBe(ILLEGAL_GENERATION);
    expect(driver.log.appended.filter(({ verification }) => verification === null).length).toBe(1);
  });

  test("the static member that has the instance now", () => {
    const driver = new GroupDriver().start();
    const join = driver.join({ groupInstanceId: "instance" });
    driver.clock.advance(4_000);
    const { memberId } = join.value;
    const again = driver.join({ groupInstanceId: "instance" });
    driver.clock.advance(4_000);
    const given = { offsets: { t1: { 0: 5 } }, groupInstanceId: "instance", generationId: 1 };
    expect(driver.commitInTransaction({ ...given, memberId }).value).toEqual({
      "t1-0": FENCED_INSTANCE_ID,
    });
    const { memberId: now, generationId = 0 } = again.value;
    const answered = driver.commitInTransaction({ ...given, memberId: now, generationId });
    expect(answered.value).toEqual({ "t1-0": NONE });
  });
});

describe("the transaction's coordinator", () => {
  const offsets = { t1: { 0: 5 } };

  test("is asked, or told, before the first offsets of a transaction", () => {
    const driver = new GroupDriver({ partitionCount: 1 }).start();
    const verification = new Verification(0, -1, 0, false);
    driver.log.verification = verification;
    driver.commitInTransaction({ offsets, apiVersion: 3 });
    driver.commitInTransaction({ offsets, apiVersion: 4 });
    driver.commitInTransaction({ offsets, apiVersion: 5 });
    const what = "x 7 __consumer_offsets-0";
    expect(driver.verified).toEqual([`verify ${what}`, `verifyAbortable ${what}`, `add ${what}`]);
    expect(driver.log.appended.map((each) => each.verification)).toEqual([
      verification,
      verification,
      verification,
    ]);
    // It is open here: nobody is asked.
    driver.log.verification = null;
    driver.commitInTransaction({ offsets });
    expect(driver.verified.length).toBe(3);
    driver.log.verification = verification;
    const config = { transactionPartitionVerificationEnable: false };
    const trusting = new GroupDriver({ config, log: driver.log }).start();
    expect(trusting.commitInTransaction({ offsets, apiVersion: 4 }).value["t1-0"]).toBe(NONE);
    expect(trusting.verified).toEqual([]);
    trusting.commitInTransaction({ offsets, apiVersion: 5 });
    expect(trusting.verified).toEqual([`add ${what}`]);
  });

  test.each([
    [ErrorCode.TRANSACTION_ABORTABLE, ErrorCode.TRANSACTION_ABORTABLE, 5],
    [ErrorCode.INVALID_TXN_STATE, ErrorCode.INVALID_TXN_STATE, 3],
    [ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.CONCURRENT_TRANSACTIONS, 5],
    [ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.INVALID_PRODUCER_EPOCH, 5],
    [ErrorCode.NETWORK_EXCEPTION, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, 5],
    [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, 2],
    [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE, 1],
    [ErrorCode.NOT_COORDINATOR, ErrorCode.NOT_COORDINATOR, 4],
  ])("that says %i is heard as %i", (error, heard, apiVersion) => {
    const driver = new GroupDriver().start();
    driver.log.verification = new Verification(0, -1, 0, false);
    driver.verifyError = error;
    expect(driver.commitInTransaction({ offsets, apiVersion }).value).toEqual({ "t1-0": heard });
    expect(driver.log.batches).toEqual([]);
  });

  test("need not be asked of a producer that the partition knows to be fenced", () => {
    const driver = new GroupDriver().start();
    driver.log.verification = ErrorCode.INVALID_PRODUCER_EPOCH;
    const answered = driver.commitInTransaction({ offsets });
    expect(answered.value).toEqual({ "t1-0": ErrorCode.INVALID_PRODUCER_EPOCH });
    expect(driver.verified).toEqual([]);
  });
});

describe("what the log refuses", () => {
  test("of a transaction's offsets has not happened", () => {
    const driver = new GroupDriver().start();
    driver.log.appendRefused = ErrorCode.INVALID_TXN_STATE;
    const answered = driver.commitInTransaction({ offsets: { t1: { 0: 5 } } });
    expect(answered.value).toEqual({ "t1-0": ErrorCode.INVALID_TXN_STATE });
    expect(stable(driver, [0])).toEqual([-1]);
    driver.log.appendRefused = NONE;
    expect(driver.commitNow({ offsets: { t1: { 0: 6 } } })).toEqual({ "t1-0": NONE });
    expect(driver.restarted().offsets()).toEqual({ "t1-0": 6 });
  });

  test("of a marker leaves the transaction open", () => {
    const driver = new GroupDriver().start();
    driver.commitInTransaction({ offsets: { t1: { 0: 5 } } });
    driver.log.appendRefused = ErrorCode.TRANSACTION_COORDINATOR_FENCED;
    expect(driver.endTransaction(true)).toBe(ErrorCode.TRANSACTION_COORDINATOR_FENCED);
    expect(stable(driver, [0])).toEqual([UNSTABLE]);
    driver.log.appendRefused = NONE;
    driver.log.refused = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(driver.endTransaction(true)).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
    driver.log.refused = NONE;
    expect(driver.endTransaction(true)).toBe(NONE);
    expect(stable(driver, [0])).toEqual([5]);
  });

  test("of more offsets than a batch may have is said, and nothing is written", () => {
    const driver = new GroupDriver().start();
    driver.log.batchSizeMax = 2000;
    const all = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [index, 1]));
    const answered = driver.commitInTransaction({ offsets: { t1: all } }).value;
    expect(answered["t1-0"]).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect(driver.log.batches).toEqual([]);
  });
});

describe("markers", () => {
  test("find a coordinator that loads, is elsewhere, or has stopped", () => {
    const log = new FakeCoordinatorLog();
    expect(new GroupDriver({ log }).endTransaction(true)).toBe(ErrorCode.NOT_COORDINATOR);
    log.write(Buffer.from(committedBatch()));
    log.holdsReads = true;
    const loading = new GroupDriver({ log }).start();
    expect(loading.endTransaction(true)).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    loading.coordinator.stop();
    expect(loading.endTransaction(true)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  });

  test("that nobody's offsets wait for are written all the same", () => {
    const driver = new GroupDriver().start();
    expect(driver.endTransaction(true, { producerId: 99 })).toBe(NONE);
    expect(driver.log.batches.length).toBe(1);
    expect(driver.commitNow({ offsets: { t1: { 0: 6 } } })).toEqual({ "t1-0": NONE });
    expect(driver.restarted().offsets()).toEqual({ "t1-0": 6 });
  });

  test("of a producer end its transaction alone", () => {
    const driver = new GroupDriver().start();
    driver.commitInTransaction({ offsets: { t1: { 0: 5 } }, producerId: 1 });
    driver.commitInTransaction({ offsets: { t1: { 0: 6, 1: 7 } }, producerId: 2 });
    expect(driver.endTransaction(true, { producerId: 1 })).toBe(NONE);
    expect(stable(driver, [0, 1])).toEqual([UNSTABLE, UNSTABLE]);
    expect(driver.offsets()).toEqual({ "t1-0": 5 });
    expect(driver.endTransaction(false, { producerId: 2 })).toBe(NONE);
    expect(stable(driver, [0, 1])).toEqual([5, -1]);
  });
});

function committedBatch(): Buffer {
  const driver = new GroupDriver().start();
  driver.commitNow({ offsets: { t1: { 0: 3 } } });
  return driver.log.batches[0]!;
}

/** What anybody can see of the groups, unstable offsets among it. */
function stateOf(driver: GroupDriver): unknown {
  const topics = { t0: [0, 1, 2], t1: [0, 1, 2] };
  const options = { requireStable: true };
  return ["g0", "g1"].map((groupId) => [
    driver.list().includes(groupId),
    driver.offsets(groupId),
    driver.now(driver.fetch(groupId, topics, options).promise).groups,
  ]);
}

describe("at random", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])("what a restart reads is what there was: seed %i", (seed) => {
    const random = new FakeRandom(seed);
    const below = (count: number) => random.uint32() % count;
    const driver = new GroupDriver({ seed }).start();
    for (let step = 0; step < 150; step++) {
      const topic = `t${below(2)}`;
      const offsets = { [topic]: { [below(3)]: step } };
      const groupId = `g${below(2)}`;
      const producerId = below(3);
      switch (below(12)) {
        case 0:
        case 1:
          driver.commitNow({ offsets, groupId });
          break;
        case 2:
          driver.delete(groupId);
          break;
        case 3:
          void driver.coordinator.topicsDeleted([{ name: topic, id: "" }]);
          break;
        case 4:
          driver.clock.jumpWall(below(8) * 24 * 3_600_000);
          driver.clock.advance(600_000);
          break;
        case 5:
        case 6:
          driver.endTransaction(true, { producerId });
          break;
        case 7:
          driver.endTransaction(false, { producerId });
          break;
        default:
          driver.commitInTransaction({ offsets, groupId, producerId });
      }
      driver.clock.settle();
      if (below(4) === 0) expect(stateOf(driver.restarted())).toEqual(stateOf(driver));
    }
    const restarted = driver.restarted();
    for (const producerId of [0, 1, 2]) {
      expect(stateOf(restarted)).toEqual(stateOf(driver));
      const isCommit = producerId !== 1;
      for (const each of [driver, restarted]) each.endTransaction(isCommit, { producerId });
    }
    expect(stateOf(restarted)).toEqual(stateOf(driver));
  });
});
