import { describe, expect, test } from "bun:test";
import { crc32 } from "node:zlib";
import { CompressionType } from "../../src/protocol/compression.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import {
  attributes,
  baseOffset,
  BATCH_HEADER_SIZE,
  batchSize,
  compressionOf,
  decrementSequence,
  incrementSequence,
  isControl,
  isIntact,
  isTransactional,
  lastOffset,
  lastSequence,
  maxTimestamp,
  nextBatchSize,
  partitionLeaderEpoch,
  setBaseOffset,
  setCrc,
  setMaxTimestamp,
  setPartitionLeaderEpoch,
  timestampTypeOf,
  TimestampType,
} from "../../src/protocol/record-batch.ts";
import { openBatch, readRecords } from "../../src/protocol/record.ts";

const record = { timestamp: 1000, key: Buffer.from("k"), value: Buffer.from("v") };

/** As Kafka wrote before 0.11: one message of magic 0 or 1. */
function legacyMessage(magic: 0 | 1, offset: number, timestamp: number): Buffer {
  const body = Buffer.alloc(magic === 0 ? 11 : 19);
  body[0] = magic;
  if (magic === 1) body.writeBigInt64BE(BigInt(timestamp), 2);
  body.writeInt32BE(-1, magic === 0 ? 2 : 10);
  body.writeInt32BE(1, magic === 0 ? 6 : 14);
  const message = Buffer.alloc(16 + body.length);
  message.writeBigInt64BE(BigInt(offset), 0);
  message.writeInt32BE(4 + body.length, 8);
  message.writeUInt32BE(crc32(body), 12);
  body.copy(message, 16);
  return message;
}

describe("stepping from batch to batch", () => {
  const batch = buildBatch({ records: [record] });

  test("a whole batch has its size, one that goes on behind the end has none", () => {
    const bytes = Buffer.concat([batch, batch]);
    expect(nextBatchSize(bytes, 0, bytes.length)).toBe(batch.length);
    expect(nextBatchSize(bytes, batch.length, bytes.length)).toBe(batch.length);
    expect(nextBatchSize(bytes, bytes.length, bytes.length)).toBe(0);
    for (let end = 0; end < batch.length; end++) expect(nextBatchSize(bytes, 0, end)).toBe(0);
  });

  test("no batch begins with a negative length or an unknown magic", () => {
    for (const length of [-1, -(2 ** 31), 0, 13]) {
      const bad = Buffer.from(batch);
      bad.writeInt32BE(length, 8);
      expect(() => nextBatchSize(bad, 0, bad.length)).toThrow(ProtocolError);
      expect(() => nextBatchSize(bad, 0, 12)).toThrow(ProtocolError);
    }
    for (const magic of [3, 127, 128, 255]) {
      const bad = Buffer.from(batch);
      bad[16] = magic;
      expect(() => nextBatchSize(bad, 0, bad.length)).toThrow(ProtocolError);
    }
    const huge = Buffer.from(batch);
    huge.writeInt32BE(0x7fff_ffff, 8);
    expect(nextBatchSize(huge, 0, huge.length)).toBe(0);
  });

  test("messages of magic 0 and 1 are stepped over and checked, not opened", () => {
    const old = legacyMessage(0, 7, 0);
    const newer = legacyMessage(1, 8, 12_345);
    const bytes = Buffer.concat([old, newer]);
    expect(nextBatchSize(bytes, 0, bytes.length)).toBe(old.length);
    expect([baseOffset(bytes, 0), lastOffset(bytes, 0), maxTimestamp(bytes, 0)]).toEqual([
      7, 7, -1,
    ]);
    const at = old.length;
    expect(nextBatchSize(bytes, at, bytes.length)).toBe(newer.length);
    expect([lastOffset(bytes, at), maxTimestamp(bytes, at)]).toEqual([8, 12_345]);
    expect([isIntact(bytes, 0), isIntact(bytes, at)]).toEqual([true, true]);
    bytes[at + 20]! ^= 1;
    expect([isIntact(bytes, 0), isIntact(bytes, at)]).toEqual([true, false]);
    expect(() => openBatch(bytes, 0)).toThrow("magic 0");
  });
});

describe("the checksum", () => {
  test("covers every bit but those that a broker sets", () => {
    const batch = buildBatch({ records: [record, record], producerId: 5, producerEpoch: 1 });
    for (let at = 16; at < batch.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        batch[at]! ^= 1 << bit;
        if (at > 16) expect(isIntact(batch, 0)).toBe(false);
        batch[at]! ^= 1 << bit;
      }
    }
    setBaseOffset(batch, 0, 2 ** 52);
    setPartitionLeaderEpoch(batch, 0, 9);
    expect(isIntact(batch, 0)).toBe(true);
    expect([baseOffset(batch, 0), partitionLeaderEpoch(batch, 0)]).toEqual([2 ** 52, 9]);
    expect(lastOffset(batch, 0)).toBe(2 ** 52 + 1);
  });

  test("a batch too short for its header is not intact", () => {
    const batch = buildBatch({ records: [record] });
    batch.writeInt32BE(BATCH_HEADER_SIZE - 12 - 1, 8);
    expect(isIntact(batch, 0)).toBe(false);
    expect(() => openBatch(batch, 0)).toThrow(ProtocolError);
  });
});

describe("patching the timestamp", () => {
  test("changes type, greatest timestamp and checksum, and keeps all else", () => {
    const batch = buildBatch({
      records: [record],
      compression: CompressionType.GZIP,
      isTransactional: true,
      isControl: true,
      producerId: 5,
      producerEpoch: 0,
    });
    setMaxTimestamp(batch, 0, TimestampType.LOG_APPEND_TIME, 77_000);
    expect([timestampTypeOf(batch, 0), maxTimestamp(batch, 0)]).toEqual([1, 77_000]);
    expect([isIntact(batch, 0), isTransactional(batch, 0), isControl(batch, 0)]).toEqual([
      true,
      true,
      true,
    ]);
    expect(compressionOf(batch, 0)).toBe(CompressionType.GZIP);
    expect(readRecords(batch, 0)[0]!.timestamp).toBe(77_000);
    setMaxTimestamp(batch, 0, TimestampType.CREATE_TIME, 1000);
    expect(readRecords(batch, 0)[0]!.timestamp).toBe(1000);
    expect(isIntact(batch, 0)).toBe(true);
  });

  test("touches nothing when nothing changes", () => {
    const batch = buildBatch({ records: [record] });
    batch[21] = 0xff;
    setCrc(batch, 0);
    const before = Buffer.from(batch);
    setMaxTimestamp(batch, 0, TimestampType.CREATE_TIME, 1000);
    expect(batch).toEqual(before);
    setMaxTimestamp(batch, 0, TimestampType.CREATE_TIME, 1001);
    expect([batch[21], attributes(batch, 0), isIntact(batch, 0)]).toEqual([0, 0, true]);
  });
});

test("an unknown codec is refused", () => {
  const batch = buildBatch({ records: [record], compression: CompressionType.ZSTD });
  batch[22] = 5;
  expect(compressionOf(batch, 0)).toBe(5);
  expect(() => readRecords(batch, 0)).toThrow("compression 5");
});

test("what a batch decompresses to is bounded", () => {
  const value = Buffer.alloc(1_000_000);
  for (const compression of [1, 2, 3, 4] as const) {
    const batch = buildBatch({ records: [{ ...record, value }], compression });
    expect(batchSize(batch, 0)).toBeLessThan(60_000);
    expect(() => readRecords(batch, 0, 500_000)).toThrow(ProtocolError);
    expect(readRecords(batch, 0)[0]!.value!.length).toBe(1_000_000);
  }
});

test("sequence numbers go round", () => {
  expect(incrementSequence(5, 3)).toBe(8);
  expect(incrementSequence(0x7fff_ffff, 1)).toBe(0);
  expect(incrementSequence(0x7fff_fffe, 5)).toBe(3);
  expect(decrementSequence(3, 5)).toBe(0x7fff_fffe);
  expect(decrementSequence(8, 3)).toBe(5);
  const batch = buildBatch({
    records: [record, record, record],
    producerId: 5,
    producerEpoch: 0,
    baseSequence: 0x7fff_ffff,
  });
  expect(lastSequence(batch, 0)).toBe(1);
});
