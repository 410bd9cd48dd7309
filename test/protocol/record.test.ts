import { describe, expect, test } from "bun:test";
import { COMPRESSION_NAMES, CompressionType } from "../../src/protocol/compression.ts";
import {
  buildEndTransactionMarker,
  ControlRecordType,
  controlRecordTypeOf,
  coordinatorEpochOf,
} from "../../src/protocol/control-record.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { buildBatch, type NewRecord } from "../../src/protocol/record-batch-builder.ts";
import * as header from "../../src/protocol/record-batch.ts";
import { openBatch, readRecords } from "../../src/protocol/record.ts";
import { fixtureBytes, fixtures, hex, hexHeaders } from "./record-fixtures.ts";

describe("batches that Kafka wrote", () => {
  for (const [name, [expected]] of Object.entries(fixtures)) {
    const bytes = fixtureBytes(name);

    test(`${name}: its header says what Kafka says it does`, () => {
      const at = 7;
      const moved = Buffer.concat([Buffer.alloc(at, 0xee), bytes, Buffer.alloc(3, 0xee)]);
      expect(header.nextBatchSize(moved, at, moved.length)).toBe(bytes.length);
      expect(header.isIntact(moved, at)).toBe(true);
      const type = header.timestampTypeOf(moved, at);
      expect<unknown>({
        baseOffset: header.baseOffset(moved, at),
        lastOffset: header.lastOffset(moved, at),
        nextOffset: header.lastOffset(moved, at) + 1,
        size: header.batchSize(moved, at),
        crc: header.crc(moved, at),
        partitionLeaderEpoch: header.partitionLeaderEpoch(moved, at),
        compression: COMPRESSION_NAMES[header.compressionOf(moved, at)]!,
        timestampType: type === header.TimestampType.CREATE_TIME ? "CreateTime" : "LogAppendTime",
        maxTimestamp: header.maxTimestamp(moved, at),
        producerId: header.producerId(moved, at),
        producerEpoch: header.producerEpoch(moved, at),
        baseSequence: header.baseSequence(moved, at),
        lastSequence: header.lastSequence(moved, at),
        isTransactional: header.isTransactional(moved, at),
        isControl: header.isControl(moved, at),
        deleteHorizonMs: header.deleteHorizonMs(moved, at),
        count: header.recordCount(moved, at),
        records: expected!.records,
      }).toEqual(expected!);
    });

    test(`${name}: its records are those that Kafka reads`, () => {
      const records = readRecords(bytes, 0).map((record) => [
        record.offset,
        record.timestamp,
        hex(record.key),
        hex(record.value),
        hexHeaders(record.headers),
      ]);
      expect<unknown>(records).toEqual(expected!.records);
    });

    test(`${name}: built anew from its records it is the same batch`, () => {
      const rebuilt = rebuild(bytes);
      if (header.compressionOf(bytes, 0) === CompressionType.NONE) {
        expect(rebuilt.toString("hex")).toBe(bytes.toString("hex"));
      } else {
        // Compressors differ in their output, not in what it stands for.
        expect(readRecords(rebuilt, 0)).toEqual(readRecords(bytes, 0));
        expect(header.isIntact(rebuilt, 0)).toBe(true);
        expect(header.maxTimestamp(rebuilt, 0)).toBe(expected!.maxTimestamp);
      }
    });
  }
});

/** Of the cursor's own deltas, since those of a stamped batch's records are not to be seen. */
function rebuild(bytes: Buffer): Buffer {
  const records: NewRecord[] = [];
  const cursor = openBatch(bytes, 0);
  while (cursor.next()) {
    const { offsetDelta, timestampDelta } = cursor;
    records.push({
      timestamp: header.baseTimestamp(bytes, 0) + timestampDelta,
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
      offsetDelta,
    });
  }
  const compression = header.compressionOf(bytes, 0);
  const isStamped = header.timestampTypeOf(bytes, 0) === header.TimestampType.LOG_APPEND_TIME;
  return buildBatch({
    records,
    baseOffset: header.baseOffset(bytes, 0),
    compression: compression as CompressionType,
    partitionLeaderEpoch: header.partitionLeaderEpoch(bytes, 0),
    producerId: header.producerId(bytes, 0),
    producerEpoch: header.producerEpoch(bytes, 0),
    baseSequence: header.baseSequence(bytes, 0),
    isTransactional: header.isTransactional(bytes, 0),
    isControl: header.isControl(bytes, 0),
    logAppendTime: isStamped ? header.maxTimestamp(bytes, 0) : null,
    deleteHorizonMs: header.deleteHorizonMs(bytes, 0),
    lastOffsetDelta: header.lastOffsetDelta(bytes, 0),
    ...(records.length === 0 ? { maxTimestamp: header.maxTimestamp(bytes, 0) } : {}),
  });
}

describe("building", () => {
  const records: NewRecord[] = [
    { timestamp: 1000, key: Buffer.from("a"), value: Buffer.from("1") },
    { timestamp: 900, key: null, value: null, headers: [{ key: "h", value: null }] },
  ];

  test("numbers records from 0 and takes the greatest timestamp", () => {
    const batch = buildBatch({ records });
    expect(readRecords(batch, 0).map(({ offset, timestamp }) => [offset, timestamp])).toEqual([
      [0, 1000],
      [1, 900],
    ]);
    expect(header.lastOffsetDelta(batch, 0)).toBe(1);
    expect(header.maxTimestamp(batch, 0)).toBe(1000);
    expect(header.producerId(batch, 0)).toBe(header.NO_PRODUCER_ID);
    expect(header.hasProducerId(batch, 0)).toBe(false);
  });

  test("every codec gives back what it was given", () => {
    for (const compression of Object.values(CompressionType)) {
      const batch = buildBatch({ records, compression, baseOffset: 70 });
      expect(header.compressionOf(batch, 0)).toBe(compression);
      expect(header.isIntact(batch, 0)).toBe(true);
      expect(readRecords(batch, 0)).toEqual(
        readRecords(buildBatch({ records, baseOffset: 70 }), 0),
      );
    }
  });

  test("an empty batch keeps the offsets and the sequence of what it once held", () => {
    const batch = buildBatch({
      records: [],
      compression: CompressionType.LZ4,
      baseOffset: 100,
      lastOffsetDelta: 9,
      maxTimestamp: 5,
      producerId: 4000,
      producerEpoch: 5,
      baseSequence: 77,
    });
    expect(batch.length).toBe(header.BATCH_HEADER_SIZE);
    expect(header.lastOffset(batch, 0)).toBe(109);
    expect(header.lastSequence(batch, 0)).toBe(86);
    expect(readRecords(batch, 0)).toEqual([]);
  });

  test("records out of order are a bug", () => {
    const record = { timestamp: 1, key: null, value: null };
    const backwards = [
      { ...record, offsetDelta: 3 },
      { ...record, offsetDelta: 3 },
    ];
    expect(() => buildBatch({ records: backwards })).toThrow("order of their offsets");
  });
});

describe("control records", () => {
  test("markers are byte for byte Kafka's", () => {
    for (const isCommit of [true, false]) {
      const marker = buildEndTransactionMarker({
        isCommit,
        producerId: 4000,
        producerEpoch: 5,
        coordinatorEpoch: 21,
        timestamp: 1_700_000_000_000,
      });
      header.setPartitionLeaderEpoch(marker, 0, 3);
      expect(marker).toEqual(fixtureBytes(isCommit ? "marker-commit" : "marker-abort"));
      const [record] = readRecords(marker, 0);
      const type = isCommit ? ControlRecordType.COMMIT : ControlRecordType.ABORT;
      expect(controlRecordTypeOf(record!.key)).toBe(type);
      expect(coordinatorEpochOf(record!.value)).toBe(21);
    }
  });

  test("an unknown type is passed over, a broken key is not", () => {
    expect(controlRecordTypeOf(Buffer.from([0, 9, 0, 7]))).toBeNull();
    expect(controlRecordTypeOf(Buffer.from([0, 0, 0xff, 0xff]))).toBeNull();
    expect(() => controlRecordTypeOf(null)).toThrow(ProtocolError);
    expect(() => controlRecordTypeOf(Buffer.from([0, 0, 0]))).toThrow(ProtocolError);
    expect(() => controlRecordTypeOf(Buffer.from([0xff, 0xff, 0, 1]))).toThrow(ProtocolError);
    expect(() => coordinatorEpochOf(Buffer.alloc(5))).toThrow(ProtocolError);
    expect(() => coordinatorEpochOf(Buffer.alloc(6, 0xff))).toThrow(ProtocolError);
  });
});
