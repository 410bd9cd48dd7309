import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32c } from "../../src/base/crc32c.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig, NEVER } from "../../src/log/log-config.ts";
import type { InvalidBatch } from "../../src/log/record-examination.ts";
import {
  type ProducedBatch,
  validateBatch,
  type ValidBatch,
} from "../../src/log/record-validation.ts";
import { compress, CompressionType } from "../../src/protocol/compression.ts";
import { ErrorCode, errorName } from "../../src/protocol/error-code.ts";
import {
  buildBatch,
  type NewBatch,
  type NewRecord,
} from "../../src/protocol/record-batch-builder.ts";
import * as header from "../../src/protocol/record-batch.ts";
import { readRecords } from "../../src/protocol/record.ts";
import { fakeWorld } from "../sim/fake-world.ts";
import { mixedBytes, mutate, numbersOf } from "../protocol/noise.ts";

const NOW = 1_700_000_000_000;
const { clock } = fakeWorld();
const record: NewRecord = { timestamp: NOW, key: Buffer.from("k"), value: Buffer.from("v") };

function validate(
  bytes: Buffer,
  config: Partial<LogConfig> = {},
  batch: Partial<ProducedBatch> = {},
): ValidBatch | InvalidBatch {
  return validateBatch(bytes, {
    config: { ...DEFAULT_LOG_CONFIG, ...config },
    origin: "client",
    topicPartition: "t-0",
    firstOffset: 100,
    leaderEpoch: 9,
    nowMs: NOW,
    clock,
    ...batch,
  });
}

function accepted(result: ValidBatch | InvalidBatch): ValidBatch {
  if ("errorCode" in result) throw new Error(`${errorName(result.errorCode)}: ${result.message}`);
  return result;
}

/** Expects a refusal that has changed nothing; returns its code. */
function refusal(bytes: Buffer, config: Partial<LogConfig> = {}): string {
  const before = Buffer.from(bytes);
  const result = validate(bytes, config);
  expect(bytes.equals(before)).toBe(true);
  return "errorCode" in result ? errorName(result.errorCode) : "NONE";
}

/** A batch with its header changed, and the checksum made right for it. */
function changed(batch: NewBatch, change: (bytes: Buffer) => void): Buffer {
  const bytes = buildBatch(batch);
  change(bytes);
  header.setCrc(bytes, 0);
  return bytes;
}

/** The batch's own header before other record bytes. */
function withRecordBytes(batch: NewBatch, records: Buffer): Buffer {
  const bytes = Buffer.concat([buildBatch(batch).subarray(0, header.BATCH_HEADER_SIZE), records]);
  bytes.writeInt32BE(bytes.length - header.BATCH_PREFIX_SIZE, 8);
  header.setCrc(bytes, 0);
  return bytes;
}

describe("Kafka's own verdicts (fixtures-validation/KafkaVerdicts.java)", () => {
  const file = join(import.meta.dir, "fixtures-validation", "verdicts.tsv");
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  const long = (text: string) => (text === "9223372036854775807" ? NEVER : Number(text));
  const verdicts = lines.map((line) => line.split("\t") as [string, ...string[]]);

  test("there are some of every kind", () => {
    const names = new Set(verdicts.map((columns) => columns[4]));
    expect([...names].sort()).toEqual([
      "CORRUPT_MESSAGE",
      "INVALID_RECORD",
      "INVALID_TIMESTAMP",
      "MESSAGE_TOO_LARGE",
      "NONE",
      "UNSUPPORTED_COMPRESSION_TYPE",
    ]);
  });

  test.each(verdicts)("%s, version %s, %s", (origin, version, configs, hex, ...verdict) => {
    const topic = new Map(
      (configs ?? "").split(",").map((pair) => pair.split("=") as [string, string]),
    );
    const config: LogConfig = {
      ...DEFAULT_LOG_CONFIG,
      cleanupPolicy: topic.get("cleanup.policy") === "compact" ? ["compact"] : ["delete"],
      compressionType: (topic.get("compression.type") ??
        "producer") as LogConfig["compressionType"],
      maxMessageBytes: Number(topic.get("max.message.bytes") ?? 1_048_588),
      messageTimestampType: (topic.get("message.timestamp.type") ??
        "CreateTime") as LogConfig["messageTimestampType"],
      messageTimestampAfterMaxMs: long(topic.get("message.timestamp.after.max.ms") ?? "3600000"),
      messageTimestampBeforeMaxMs: long(
        topic.get("message.timestamp.before.max.ms") ?? "9223372036854775807",
      ),
    };
    const [errorExpected, told, recordErrors, kept] = verdict;
    // That an old request brings zstd is for whoever knows the request's version.
    if (errorExpected === "UNSUPPORTED_COMPRESSION_TYPE" && Number(version) < 7)
      return expect(kept).toBe("");
    const bytes = Buffer.from(hex ?? "", "hex");
    const result = validate(bytes, config, {
      origin: origin === "CLIENT" ? "client" : "coordinator",
    });
    if ("errorCode" in result) {
      expect<string | undefined>(errorName(result.errorCode)).toBe(errorExpected);
      const errors = result.recordErrors.map(
        ({ batchIndex, message }) => `${batchIndex}:${message}|`,
      );
      expect(errors.join("")).toBe(recordErrors!);
      if (errors.length > 0) expect(result.message).toBe(told!);
      return;
    }
    const { firstOffset, lastOffset, maxTimestamp, appendTimeMs } = result;
    expect(errorExpected).toBe("NONE");
    expect([firstOffset, lastOffset, maxTimestamp, appendTimeMs].join(" ")).toBe(told!);
    expect(header.isIntact(result.bytes, 0)).toBe(true);
    // Compressors differ in their output: only what was kept as it came is the same in every byte.
    if (result.bytes !== bytes) return;
    expect(`${result.size} ${crc32c(result.bytes, 0, result.size)}`).toBe(kept!);
  });
});

describe("an ordinary batch", () => {
  test("is changed in place: offset, epoch, and nothing else", () => {
    for (const compression of Object.values(CompressionType)) {
      const bytes = buildBatch({ records: [record, record], compression });
      const expected = Buffer.from(bytes);
      header.setBaseOffset(expected, 0, 100);
      header.setPartitionLeaderEpoch(expected, 0, 9);
      const result = accepted(validate(bytes));
      expect(result.bytes).toBe(bytes);
      expect(bytes).toEqual(expected);
      // Decompressed, they are what they would have been.
      const temporaryBytes = buildBatch({ records: [record, record] }).length;
      const isPlain = compression === CompressionType.NONE;
      expect(result).toEqual({
        bytes,
        size: bytes.length,
        firstOffset: 100,
        lastOffset: 101,
        maxTimestamp: NOW,
        appendTimeMs: -1,
        conversion: isPlain ? null : { recordCount: 0, tookMs: 0, temporaryBytes },
      });
    }
  });

  test("leaves out what lies behind it", () => {
    const batch = buildBatch({ records: [record] });
    for (let extra = 1; extra < 26; extra++) {
      const bytes = Buffer.concat([batch, batch.subarray(0, extra)]);
      expect(accepted(validate(bytes)).size).toBe(batch.length);
    }
  });

  test("gets the greatest timestamp that its records have, whatever it claimed", () => {
    const bytes = buildBatch({ records: [record], maxTimestamp: NOW + 77 });
    expect(accepted(validate(bytes)).maxTimestamp).toBe(NOW);
    expect([header.maxTimestamp(bytes, 0), header.isIntact(bytes, 0)]).toEqual([NOW, true]);
  });

  test("gets the broker's time where the topic wants that", () => {
    const config = { messageTimestampType: "LogAppendTime" } as const;
    for (const compression of [CompressionType.NONE, CompressionType.ZSTD]) {
      const old = { ...record, timestamp: 5 };
      const bytes = buildBatch({ records: [old, old], compression });
      const result = accepted(validate(bytes, config));
      expect([result.appendTimeMs, result.maxTimestamp, result.bytes === bytes]).toEqual([
        NOW,
        NOW,
        true,
      ]);
      expect(readRecords(bytes, 0).map(({ timestamp }) => timestamp)).toEqual([NOW, NOW]);
      expect(header.isIntact(bytes, 0)).toBe(true);
    }
  });
});

describe("another codec", () => {
  const records = Array.from({ length: 50 }, (_, index) => ({
    ...record,
    timestamp: NOW + index,
    value: mixedBytes(index, 40),
    headers: [{ key: "h", value: null }],
  }));
  const codecs = ["uncompressed", "gzip", "snappy", "lz4", "zstd"] as const;

  test("is what the topic asks for, with the same records", () => {
    for (const compression of Object.values(CompressionType)) {
      for (const [target, compressionType] of codecs.entries()) {
        const options = {
          producerId: 7,
          producerEpoch: 2,
          baseSequence: 33,
          isTransactional: true,
        };
        const bytes = buildBatch({ records, compression, ...options });
        const expected = readRecords(bytes, 0);
        const result = accepted(validate(bytes, { compressionType }));
        expect(header.compressionOf(result.bytes, 0)).toBe(target);
        expect(result.bytes === bytes).toBe(target === compression);
        expect(header.isIntact(result.bytes, 0)).toBe(true);
        expect(result.size).toBe(header.batchSize(result.bytes, 0));
        const moved = expected.map((each) => ({ ...each, offset: each.offset + 100 }));
        expect(readRecords(result.bytes, 0)).toEqual(moved);
        expect([
          header.producerId(result.bytes, 0),
          header.producerEpoch(result.bytes, 0),
          header.baseSequence(result.bytes, 0),
          header.isTransactional(result.bytes, 0),
          header.partitionLeaderEpoch(result.bytes, 0),
        ]).toEqual([7, 2, 33, true, 9]);
        expect([result.lastOffset, result.maxTimestamp]).toEqual([149, NOW + 49]);
      }
    }
  });

  test("is made at the topic's level", () => {
    const value = mixedBytes(1, 20_000);
    const size = (config: Partial<LogConfig>) =>
      accepted(validate(buildBatch({ records: [{ ...record, value }] }), config)).size;
    const gzip = { compressionType: "gzip" } as const;
    expect(size({ ...gzip, compressionGzipLevel: 1 })).toBeGreaterThan(
      size({ ...gzip, compressionGzipLevel: 9 }),
    );
    const lz4 = { compressionType: "lz4" } as const;
    expect(size(lz4)).toBeGreaterThan(size({ ...lz4, compressionLz4Level: 12 }));
    const zstd = { compressionType: "zstd" } as const;
    expect(size({ ...zstd, compressionZstdLevel: -100 })).toBeGreaterThan(
      size({ ...zstd, compressionZstdLevel: 19 }),
    );
  });

  test("counts for the size that is allowed", () => {
    const bytes = buildBatch({
      records: [{ ...record, value: Buffer.alloc(5000) }],
      compression: CompressionType.GZIP,
    });
    expect(refusal(bytes, { compressionType: "uncompressed", maxMessageBytes: 4000 })).toBe(
      "MESSAGE_TOO_LARGE",
    );
    expect(refusal(bytes, { compressionType: "uncompressed", segmentBytes: 4000 })).toBe(
      "RECORD_LIST_TOO_LARGE",
    );
  });

  test("is not for markers", () => {
    const bytes = buildBatch({ records: [record], isControl: true });
    const config = { ...DEFAULT_LOG_CONFIG, compressionType: "gzip" } as const;
    const result = accepted(validate(bytes, config, { origin: "coordinator" }));
    expect(result.bytes).toBe(bytes);
  });

  test("takes the broker's time along", () => {
    const config = { compressionType: "snappy", messageTimestampType: "LogAppendTime" } as const;
    const result = accepted(validate(buildBatch({ records }), config));
    expect([result.maxTimestamp, result.appendTimeMs]).toEqual([NOW, NOW]);
    expect(readRecords(result.bytes, 0)[7]!.timestamp).toBe(NOW);
  });
});

describe("put right rather than kept", () => {
  test("offsets that are not those of the records' order", () => {
    for (const compression of [CompressionType.NONE, CompressionType.LZ4]) {
      const records = [
        { ...record, offsetDelta: 5 },
        { ...record, offsetDelta: 9, timestamp: NOW + 1 },
      ];
      const bytes = buildBatch({ records, compression, lastOffsetDelta: 1 });
      const result = accepted(validate(bytes));
      expect(result.bytes).not.toBe(bytes);
      expect(header.compressionOf(result.bytes, 0)).toBe(compression);
      expect(readRecords(result.bytes, 0).map(({ offset }) => offset)).toEqual([100, 101]);
      expect([result.lastOffset, result.maxTimestamp]).toEqual([101, NOW + 1]);
    }
  });

  test("the flag of the broker's time, where the time itself is within bounds", () => {
    const bytes = buildBatch({ records: [{ ...record, timestamp: 5 }], logAppendTime: NOW });
    const inPlace = accepted(validate(Buffer.from(bytes)));
    expect(header.timestampTypeOf(inPlace.bytes, 0)).toBe(header.TimestampType.CREATE_TIME);
    const result = accepted(validate(bytes, { compressionType: "gzip" }));
    expect(readRecords(result.bytes, 0)[0]!.timestamp).toBe(NOW);
  });
});

describe("what is refused, and how", () => {
  test("nothing, half a batch, two batches", () => {
    const batch = buildBatch({ records: [record] });
    expect(refusal(Buffer.alloc(0))).toBe("INVALID_RECORD");
    for (let size = 0; size < batch.length; size++) {
      expect(refusal(Buffer.from(batch.subarray(0, size)))).toBe("INVALID_RECORD");
    }
    expect(refusal(Buffer.concat([batch, batch]))).toBe("INVALID_RECORD");
  });

  test("any flipped bit behind the leader epoch", () => {
    const batch = buildBatch({ records: [record, { ...record, key: null }] });
    for (let at = 17; at < batch.length; at++) {
      batch[at]! ^= 1 << (at % 8);
      expect(refusal(batch)).toBe("CORRUPT_MESSAGE");
      batch[at]! ^= 1 << (at % 8);
    }
    expect(accepted(validate(batch)).lastOffset).toBe(101);
  });

  test("old and unknown magics", () => {
    for (const [magic, code] of [
      [0, "INVALID_RECORD"],
      [1, "INVALID_RECORD"],
      [3, "CORRUPT_MESSAGE"],
      [255, "CORRUPT_MESSAGE"],
    ] as const) {
      const bytes = buildBatch({ records: [record] });
      bytes[16] = magic;
      expect(refusal(bytes)).toBe(code);
    }
  });

  test("sizes that lie", () => {
    const bytes = buildBatch({ records: [record] });
    for (const [length, code] of [
      [-1, "CORRUPT_MESSAGE"],
      [-(2 ** 31), "CORRUPT_MESSAGE"],
      [0, "CORRUPT_MESSAGE"],
      [13, "CORRUPT_MESSAGE"],
      [14, "CORRUPT_MESSAGE"],
      [48, "CORRUPT_MESSAGE"],
      [bytes.length - 13, "CORRUPT_MESSAGE"],
      [bytes.length - 11, "INVALID_RECORD"],
      [2 ** 31 - 1, "INVALID_RECORD"],
    ] as const) {
      const lying = Buffer.from(bytes);
      lying.writeInt32BE(length, 8);
      expect([length, refusal(lying)]).toEqual([length, code]);
    }
    expect(refusal(bytes, { maxMessageBytes: bytes.length - 1 })).toBe("MESSAGE_TOO_LARGE");
    expect(refusal(bytes, { segmentBytes: bytes.length - 1 })).toBe("RECORD_LIST_TOO_LARGE");
  });

  test("counts and deltas that lie", () => {
    const batch = { records: [record, record] };
    for (const count of [-1, 0, 1, 3, 2 ** 31 - 1, -(2 ** 31) + 1]) {
      expect(refusal(changed(batch, (bytes) => bytes.writeInt32BE(count, 57)))).toBe(
        "INVALID_RECORD",
      );
      const lastDelta = changed(batch, (bytes) => bytes.writeInt32BE(count - 1, 23));
      expect(refusal(lastDelta)).toBe("INVALID_RECORD");
      const both = changed(batch, (bytes) => {
        bytes.writeInt32BE(count, 57);
        bytes.writeInt32BE(count - 1, 23);
      });
      expect(refusal(both)).toBe("INVALID_RECORD");
    }
  });

  test("what only brokers write, and producers that cannot be", () => {
    const batch = { records: [record], producerId: 7, producerEpoch: 0, baseSequence: 0 };
    expect(refusal(buildBatch({ ...batch, isControl: true }))).toBe("INVALID_RECORD");
    expect(refusal(buildBatch({ ...batch, baseSequence: -1 }))).toBe("INVALID_RECORD");
    expect(refusal(buildBatch({ ...batch, baseOffset: 1 }))).toBe("INVALID_RECORD");
    const huge = changed(batch, (bytes) => bytes.writeBigInt64BE(2n ** 60n, 43));
    expect(refusal(huge)).toBe("INVALID_RECORD");
    const unknown = changed(batch, (bytes) => bytes.writeInt16BE(6, 21));
    expect(refusal(unknown)).toBe("UNSUPPORTED_COMPRESSION_TYPE");
  });

  test("compressed data that is none, with the right checksum", () => {
    const next = numbersOf(23);
    const codes = new Set<string>();
    for (let round = 0; round < 800; round++) {
      const compression = ([1, 2, 3, 4] as const)[round % 4]!;
      const batch = { records: [record, record, record], compression };
      const records = mutate(Buffer.from(buildBatch(batch).subarray(61)), next);
      const bytes = withRecordBytes(batch, records);
      const result = validate(bytes);
      if ("errorCode" in result) codes.add(errorName(result.errorCode));
      else expect(readRecords(result.bytes, 0).length).toBe(3);
    }
    expect([...codes]).toEqual(["INVALID_RECORD"]);
  });

  test("lz4 of linked blocks, which Kafka does not read", () => {
    const batch = { records: [record], compression: CompressionType.LZ4 };
    const linked = buildBatch(batch).subarray(header.BATCH_HEADER_SIZE);
    // The same block in a frame that says it is linked; 0x40 0x40 has the checksum 0xc0.
    linked[4] = 0x40;
    linked[6] = 0xc0;
    expect(refusal(withRecordBytes(batch, linked))).toBe("INVALID_RECORD");
  });

  test("a bomb, without the memory for it", () => {
    for (const compression of [1, 2, 3, 4] as const) {
      const bomb = compress(compression, Buffer.alloc(100 * 1024 * 1024));
      const bytes = withRecordBytes({ records: [record], compression }, bomb);
      expect(refusal(bytes, { maxMessageBytes: 10_000_000 })).toBe("MESSAGE_TOO_LARGE");
    }
  });

  test("records without a key on a compacted topic, each by its index", () => {
    const records = [record, { ...record, key: null }, record, { ...record, key: null }];
    const result = validate(buildBatch({ records }), { cleanupPolicy: ["compact", "delete"] });
    const message = "Compacted topic cannot accept message without key in topic partition t-0";
    expect(result).toEqual({
      errorCode: ErrorCode.INVALID_RECORD,
      message:
        "One or more records have been rejected due to 2 record errors in total, and only showing the " +
        `first three errors at most: [RecordError(batchIndex=1, message='${message}'), ` +
        `RecordError(batchIndex=3, message='${message}')]`,
      recordErrors: [
        { batchIndex: 1, message },
        { batchIndex: 3, message },
      ],
      flaw: { kind: "noKey", count: 2 },
    });
  });

  test("so many wrong records that naming them all would be an answer too long", () => {
    const records = Array.from({ length: 12_000 }, () => ({ ...record, key: null }));
    const result = validate(buildBatch({ records }), { cleanupPolicy: ["compact"] });
    expect("errorCode" in result && result.recordErrors.length).toBe(10_000);
    expect("errorCode" in result && result.message).toContain("due to 12000 record errors");
  });

  test("timestamps that no double holds, on every kind of topic", () => {
    const far = changed({ records: [record] }, (bytes) => bytes.writeBigInt64BE(2n ** 60n, 27));
    const config = { messageTimestampAfterMaxMs: NEVER };
    expect(refusal(Buffer.from(far), config)).toBe("INVALID_TIMESTAMP");
    expect(refusal(far, { messageTimestampType: "LogAppendTime" })).toBe("INVALID_TIMESTAMP");
    const bytes = buildBatch({ records: [{ ...record, timestamp: 2 ** 52 }] });
    expect(accepted(validate(bytes, config)).maxTimestamp).toBe(2 ** 52);
  });
});

describe("fuzz", () => {
  test("whatever comes: a result, and what is accepted can be read again", () => {
    const next = numbersOf(29);
    const names = new Map<string, number>();
    for (let round = 0; round < 4000; round++) {
      const records = Array.from({ length: 1 + (next() % 5) }, (_, index) => ({
        timestamp: NOW + index,
        key: next() % 9 === 0 ? null : mixedBytes(next(), next() % 30),
        value: next() % 5 === 0 ? null : mixedBytes(next(), next() % 60),
        headers: next() % 4 === 0 ? [{ key: "h", value: mixedBytes(next(), 5) }] : [],
      }));
      const compression = (next() % 5) as CompressionType;
      let bytes = mutate(buildBatch({ records, compression }), next);
      if (next() % 4 !== 0 && bytes.length > 80) {
        bytes.writeInt32BE(bytes.length - 12, 8);
        bytes[16] = 2;
        header.setCrc(bytes, 0);
      }
      const before = Buffer.from(bytes);
      const result = validate(bytes, {
        cleanupPolicy: next() % 3 === 0 ? ["compact"] : ["delete"],
        compressionType: (["producer", "zstd", "uncompressed"] as const)[next() % 3]!,
      });
      const name = "errorCode" in result ? errorName(result.errorCode) : "NONE";
      names.set(name, (names.get(name) ?? 0) + 1);
      if ("errorCode" in result) {
        expect(bytes.equals(before)).toBe(true);
      } else {
        expect(header.isIntact(result.bytes, 0)).toBe(true);
        const kept = readRecords(result.bytes, 0);
        expect(kept.map(({ offset }) => offset)).toEqual(kept.map((_, index) => 100 + index));
        expect(result.lastOffset).toBe(99 + kept.length);
      }
    }
    expect(names.has("UNKNOWN_SERVER_ERROR")).toBe(false);
    expect(Math.min(names.get("NONE")!, names.get("INVALID_RECORD")!)).toBeGreaterThan(100);
    expect(names.get("CORRUPT_MESSAGE")!).toBeGreaterThan(100);
  });
});
