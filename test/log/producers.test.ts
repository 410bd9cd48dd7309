import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { buildEndTransactionMarker } from "../../src/protocol/control-record.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { ProducerEntry } from "../../src/log/producer-entry.ts";
import { decodeProducerSnapshot, encodeProducerSnapshot } from "../../src/log/producer-snapshot.ts";
import type { Log } from "../../src/log/log.ts";
import { afterKill, fakeWorld } from "../sim/fake-world.ts";
import { batchOf, DIRECTORY, hostOf, openTestLog } from "./log-fixture.ts";

const { NONE, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH } = ErrorCode;
const { TRANSACTION_COORDINATOR_FENCED } = ErrorCode;

interface Claim {
  readonly sequence?: number;
  readonly epoch?: number;
  readonly count?: number;
  readonly id?: number;
  readonly isTransactional?: boolean;
  readonly timestamp?: number;
}

function produce(log: Log, claim: Claim = {}) {
  const { sequence = 0, epoch = 0, count = 1, id = 1000, ...others } = claim;
  const bytes = batchOf({
    count,
    producerId: id,
    producerEpoch: epoch,
    baseSequence: sequence,
    ...others,
  });
  const nowMs = claim.timestamp ?? 1000;
  const result = log.appendAsLeader(bytes, { leaderEpoch: 0, origin: "client", nowMs });
  log.advanceHighWatermark(log.logEndOffset);
  return result;
}

function mark(
  log: Log,
  isCommit: boolean,
  options: { id?: number; epoch?: number; coordinatorEpoch?: number; version?: number } = {},
) {
  const { id = 1000, epoch = 0, coordinatorEpoch = 0, version = 1 } = options;
  const bytes = buildEndTransactionMarker({
    isCommit,
    producerId: id,
    producerEpoch: epoch,
    coordinatorEpoch,
    timestamp: 1000,
  });
  return log.appendAsLeader(bytes, {
    leaderEpoch: 0,
    origin: "coordinator",
    nowMs: 1000,
    transactionVersion: version,
  });
}

describe("idempotent producers", () => {
  test("go on where they were; a gap is refused", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    expect(produce(log, { count: 3 }).errorCode).toBe(NONE);
    expect(produce(log, { sequence: 3 }).errorCode).toBe(NONE);
    expect(produce(log, { sequence: 5 }).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(produce(log, { sequence: 2, count: 5 }).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(log.logEndOffset).toBe(4);
  });

  test("are remembered when a log is cut whose disk has rotten", async () => {
    for (const [at, damage] of [
      [43, Buffer.from("0fffffffffffffff", "hex")],
      [0, Buffer.from("f000000000000000", "hex")],
    ] as const) {
      const world = fakeWorld();
      const log = await openTestLog(hostOf(world));
      produce(log, { id: 5 });
      const secondAt = log.size;
      produce(log, { id: 6 });
      produce(log, { id: 7 });
      produce(log, { id: 7, sequence: 1 });
      const file = world.disk.open(`${DIRECTORY}/00000000000000000000.log`, "write");
      file.write(damage, 0, damage.length, secondAt + at);
      file.close();
      log.truncateTo(3);
      expect(log.activeProducers().map((entry) => entry.producerId)).toEqual([5, 7]);
      expect(produce(log, { id: 7, sequence: 1 }).errorCode).toBe(NONE);
    }
  });

  test("get the first answer again for any of their last five batches", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    for (let sequence = 0; sequence < 12; sequence += 2) produce(log, { sequence, count: 2 });
    for (let sequence = 2; sequence < 12; sequence += 2) {
      const again = produce(log, { sequence, count: 2 });
      expect(again).toMatchObject({ errorCode: NONE, isDuplicate: true, firstOffset: sequence });
      expect(again).toMatchObject({ lastOffset: sequence + 1, appendTimeMs: 1001 });
    }
    expect(produce(log, { sequence: 0, count: 2 }).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(produce(log, { sequence: 10, count: 1 }).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(log.logEndOffset).toBe(12);
  });

  test("begin anywhere when they are not known, and at 0 with an epoch", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    expect(produce(log, { sequence: 17 }).errorCode).toBe(NONE);
    expect(produce(log, { sequence: 1, epoch: 1 }).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(produce(log, { sequence: 0, epoch: 1 }).errorCode).toBe(NONE);
    expect(produce(log, { sequence: 18, epoch: 0 }).errorCode).toBe(INVALID_PRODUCER_EPOCH);
    expect(produce(log, { sequence: 1, epoch: 1 }).errorCode).toBe(NONE);
  });

  test("count on from 2^31 - 1 to 0", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    expect(produce(log, { sequence: 0x7fff_fffe, count: 2 }).errorCode).toBe(NONE);
    expect(produce(log, { sequence: 0, count: 2 }).errorCode).toBe(NONE);
    expect(produce(log, { sequence: 0x7fff_fffe, count: 2 }).isDuplicate).toBe(true);
    expect(produce(log, { sequence: 0, count: 2 }).isDuplicate).toBe(true);
  });

  test("are remembered over a stop and a kill, and forgotten when they are idle", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world));
    const timestamp = world.clock.wallMs();
    produce(log, { count: 2, timestamp });
    produce(log, { sequence: 2, timestamp });
    const killed = afterKill(world);
    const again = await openTestLog(hostOf(killed));
    expect(produce(again, { sequence: 2, timestamp }).isDuplicate).toBe(true);
    expect(produce(again, { sequence: 9, timestamp }).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    again.removeExpiredProducers(killed.clock.wallMs());
    expect(again.activeProducers().length).toBe(1);
    again.removeExpiredProducers(killed.clock.wallMs() + 86_400_001);
    expect(again.activeProducers()).toEqual([]);
    expect(produce(again, { sequence: 9 }).errorCode).toBe(NONE);
  });
});

describe("transactions", () => {
  test("hold back the last stable offset until they are decided and replicated", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    produce(log, { id: 5, isTransactional: true });
    produce(log, { id: 6, isTransactional: true });
    produce(log, { id: 7 });
    expect(log.lastStableOffset).toBe(0);
    mark(log, true, { id: 5 });
    expect(log.lastStableOffset).toBe(0);
    log.advanceHighWatermark(4);
    expect(log.lastStableOffset).toBe(1);
    mark(log, false, { id: 6 });
    log.advanceHighWatermark(5);
    expect(log.lastStableOffset).toBe(5);
  });

  test("that were aborted are known to readers", async () => {
    const log = await openTestLog(hostOf(fakeWorld()), { config: { segmentBytes: 500 } });
    produce(log, { id: 5, isTransactional: true });
    for (let sequence = 0; sequence < 10; sequence++) produce(log, { id: 7, sequence });
    mark(log, false, { id: 5 });
    for (let sequence = 10; sequence < 20; sequence++) produce(log, { id: 7, sequence });
    expect(log.segmentCount).toBeGreaterThan(2);
    const slice = await log.read(0, 1000, log.logEndOffset, true);
    expect(log.abortedTransactions(0, slice)).toEqual([
      { producerId: 5, firstOffset: 0, lastOffset: 11, lastStableOffset: 12 },
    ]);
    slice.release();
    const later = await log.read(12, 1000, log.logEndOffset, true);
    expect(log.abortedTransactions(12, later)).toEqual([]);
    later.release();
  });

  test("go on where they began before a stop, though its snapshot is rotten", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world));
    produce(log, { id: 5, isTransactional: true });
    mark(log, true, { id: 5 });
    produce(log, { id: 6, isTransactional: true });
    await log.close();
    const snapshot = world.disk.open(`${log.directory}/00000000000000000003.snapshot`, "write");
    snapshot.write(Buffer.from([0xff]), 0, 1, 20);
    snapshot.close();
    const options = { recoveryPoint: 3, wasCleanlyStopped: true };
    const again = await openTestLog(hostOf(world), options);
    again.setHighWatermark(3);
    // What is decided holds nobody back, though it was found by a replay.
    expect(again.lastStableOffset).toBe(2);
  });

  test("that a truncation keeps are as decided as before", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    produce(log, { id: 5, isTransactional: true });
    mark(log, true, { id: 5 });
    produce(log, { id: 6, isTransactional: true });
    mark(log, false, { id: 6 });
    log.setHighWatermark(3);
    expect(log.lastStableOffset).toBe(2);
    log.truncateTo(3);
    expect(log.lastStableOffset).toBe(2);
    log.truncateTo(2);
    expect(log.lastStableOffset).toBe(2);
  });

  test("end by markers of a coordinator that is not fenced", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    produce(log, { isTransactional: true, epoch: 3 });
    expect(mark(log, true, { epoch: 2 }).errorCode).toBe(INVALID_PRODUCER_EPOCH);
    expect(mark(log, true, { epoch: 3, coordinatorEpoch: 7 }).errorCode).toBe(NONE);
    expect(mark(log, true, { epoch: 3, coordinatorEpoch: 6 }).errorCode).toBe(
      TRANSACTION_COORDINATOR_FENCED,
    );
    expect(mark(log, true, { epoch: 4, coordinatorEpoch: 7, version: 2 }).errorCode).toBe(NONE);
    expect(mark(log, true, { epoch: 4, coordinatorEpoch: 7, version: 2 }).errorCode).toBe(NONE);
    produce(log, { isTransactional: true, epoch: 4 });
    expect(mark(log, true, { epoch: 4, coordinatorEpoch: 7, version: 2 }).errorCode).toBe(
      INVALID_PRODUCER_EPOCH,
    );
  });

  test("may count anew from 0 in a new epoch: that is no duplicate", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    for (const epoch of [0, 1, 2]) {
      const first = produce(log, { epoch, isTransactional: true });
      expect(first).toMatchObject({ errorCode: NONE, isDuplicate: false, firstOffset: epoch * 2 });
      expect(produce(log, { epoch, isTransactional: true }).isDuplicate).toBe(true);
      expect(mark(log, epoch === 1, { epoch: epoch + 1, version: 2 }).errorCode).toBe(NONE);
    }
    // What came before the last marker is of an epoch that is gone.
    const late = produce(log, { epoch: 2, isTransactional: true });
    expect(late.errorCode).toBe(INVALID_PRODUCER_EPOCH);
  });

  test("outlive the records that they began with", async () => {
    const world = fakeWorld();
    const config = { segmentBytes: 500, retentionBytes: 1000 };
    const log = await openTestLog(hostOf(world), { config });
    produce(log, { id: 5, isTransactional: true });
    for (let sequence = 0; sequence < 30; sequence++) produce(log, { id: 7, sequence });
    expect(log.deleteOldSegments()).toBeGreaterThan(1);
    const { logStartOffset } = log;
    expect(logStartOffset).toBeGreaterThan(1);
    expect(log.lastStableOffset).toBe(logStartOffset);
    log.removeExpiredProducers(world.clock.wallMs() + 1e10);
    expect(log.activeProducers().map(({ producerId }) => producerId)).toEqual([5]);
    expect(produce(log, { id: 5, sequence: 1, isTransactional: true }).errorCode).toBe(NONE);
    mark(log, false, { id: 5 });
    log.advanceHighWatermark(log.logEndOffset);
    expect(log.lastStableOffset).toBe(log.logEndOffset);
    const slice = await log.read(logStartOffset, 100_000, log.logEndOffset, true);
    expect(log.abortedTransactions(logStartOffset, slice)).toMatchObject([
      { producerId: 5, firstOffset: 0, lastOffset: 32 },
    ]);
    slice.release();
  });

  test("are open again after a kill", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: { segmentBytes: 500 } });
    for (let sequence = 0; sequence < 10; sequence++) produce(log, { id: 7, sequence });
    produce(log, { id: 5, isTransactional: true });
    for (let sequence = 10; sequence < 20; sequence++) produce(log, { id: 7, sequence });
    mark(log, false, { id: 5 });
    produce(log, { id: 5, sequence: 1, isTransactional: true });
    const again = await openTestLog(hostOf(afterKill(world)), { config: { segmentBytes: 500 } });
    again.setHighWatermark(again.logEndOffset);
    expect(again.lastStableOffset).toBe(22);
    const slice = await again.read(10, 5000, again.logEndOffset, true);
    expect(again.abortedTransactions(10, slice)).toHaveLength(1);
    slice.release();
  });
});

describe("producer snapshots", () => {
  /** As Apache Kafka 4.3.1 wrote it. */
  const RECORDED =
    "000171f22cdb0000000300000000000003e80000000000100000000000000072000000010000018bcfe56d4a" +
    "ffffffffffffffffffffffff00000000000003e90001000000110000000000000074000000010000018bcfe56d67" +
    "ffffffffffffffffffffffff00000000000003ea00000000000f000000000000006c000000000000018bcfe56cf4" +
    "00000001000000000000006c";

  test("of Kafka are read, and written the same", () => {
    const entries = decodeProducerSnapshot(Buffer.from(RECORDED, "hex"));
    expect(entries.map((entry) => entry.producerId)).toEqual([1000, 1001, 1002]);
    expect(entries[2]).toMatchObject({ coordinatorEpoch: 1, transactionFirstOffset: 0x6c });
    expect(entries[0]!.findDuplicate(0, 15, 16)).toMatchObject({ lastOffset: 0x72 });
    const byId = new Map(entries.map((entry) => [entry.producerId, entry]));
    expect(encodeProducerSnapshot(byId).toString("hex")).toBe(RECORDED);
  });

  test("that are torn or rotten are refused", () => {
    const bytes = Buffer.from(RECORDED, "hex");
    for (let at = 0; at < bytes.length; at++) {
      const rotten = Buffer.from(bytes);
      rotten[at]! ^= 0x10;
      expect(() => decodeProducerSnapshot(rotten)).toThrow(ProtocolError);
      expect(() => decodeProducerSnapshot(bytes.subarray(0, at))).toThrow(ProtocolError);
    }
  });

  test("list producers as a java.util.HashMap does", () => {
    const ids = [17, 1, 33, 16, 2 ** 32 + 2, 5];
    const byId = new Map(ids.map((id) => [id, new ProducerEntry(id, 0)]));
    const order = decodeProducerSnapshot(encodeProducerSnapshot(byId)).map(
      (entry) => entry.producerId,
    );
    expect(order).toEqual([16, 17, 1, 33, 2 ** 32 + 2, 5]);
  });
});
