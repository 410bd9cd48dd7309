/** Whoever looks through a batch, here or in a thread, on a fake World or a real one, sees the same. */
import { expect, test } from "bun:test";
import { silentLogger } from "../../../src/base/logger.ts";
import { realWorld } from "../../../src/base/real-world.ts";
import type { Clock, Workers } from "../../../src/base/world.ts";
import { BatchExaminer } from "../../../src/log/examiner/batch-examiner.ts";
import { type CompressionSetting, DEFAULT_LOG_CONFIG } from "../../../src/log/log-config.ts";
import {
  acceptExamined,
  type ProducedBatch,
  validateBatch,
  validateBriefly,
} from "../../../src/log/record-validation.ts";
import { CompressionType } from "../../../src/protocol/compression.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import { batchSize, setCrc } from "../../../src/protocol/record-batch.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import { fakeWorld } from "../../sim/fake-world.ts";

const NOW = 1_700_000_000_000;
const TARGETS = ["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"] as const;
const SIZES = [100, 3_000, 40_000, 300_000];
const LARGE_BYTES_MAX = 16 << 20;

/** Rows of words: they compress as those of people do. */
function rows(size: number, random: FakeRandom): Buffer {
  let text = "";
  while (text.length < size) text += `{"id":${random.uint32()},"state":"shipped","city":"Oslo"} `;
  return Buffer.from(text.slice(0, size));
}

function produced(compressionType: CompressionSetting, isStamped: boolean): ProducedBatch {
  return {
    config: {
      ...DEFAULT_LOG_CONFIG,
      compressionType,
      maxMessageBytes: LARGE_BYTES_MAX,
      messageTimestampType: isStamped ? "LogAppendTime" : "CreateTime",
    },
    origin: "client",
    topicPartition: "t-0",
    firstOffset: 100,
    leaderEpoch: 9,
    nowMs: NOW,
    clock: fakeWorld().clock,
  };
}

function examinerOn({ workers, clock }: { workers: Workers; clock: Clock }): BatchExaminer {
  return new BatchExaminer({ workers, clock, logger: silentLogger, threadsMax: () => 8 });
}

type Outcome = ReturnType<typeof validateBatch>;

async function examined(
  examiner: BatchExaminer,
  bytes: Buffer,
  batch: ProducedBatch,
): Promise<Outcome> {
  return examiner.examine(bytes, batchSize(bytes, 0), batch, (examination): Outcome => {
    const accepted = acceptExamined(bytes, batch, examination);
    // The bytes of one made anew are the next batch's from here on.
    if ("errorCode" in accepted) return accepted;
    return timeless({ ...accepted, bytes: Buffer.from(accepted.bytes) });
  });
}

/** A thread takes its own time. */
function timeless(outcome: Outcome): Outcome {
  if ("errorCode" in outcome || outcome.conversion === null) return outcome;
  return { ...outcome, conversion: { ...outcome.conversion, tookMs: 0 } };
}

test("what a thread finds is what the loop would have found", async () => {
  const random = new FakeRandom(7);
  const world = fakeWorld(7);
  const examiner = examinerOn(world);
  let longCount = 0;
  for (const size of SIZES) {
    for (const compression of Object.values(CompressionType)) {
      for (const target of TARGETS) {
        const batch = produced(target, random.uint32() % 4 === 0);
        const records = [{ timestamp: NOW, key: null, value: rows(size, random) }];
        const bytes = buildBatch({ records, compression });
        // Some are broken within, behind a checksum that is right.
        if (random.uint32() % 5 === 0) {
          bytes[70]! ^= 0x55;
          setCrc(bytes, 0);
        }
        const brief = validateBriefly(Buffer.from(bytes), batch);
        const whole = validateBatch(Buffer.from(bytes), batch);
        if (brief === null) longCount++;
        else expect(brief).toEqual(whole);
        const late = world.clock.await(examined(examiner, Buffer.from(bytes), batch));
        expect(late).toEqual(whole);
      }
    }
  }
  expect(longCount).toBeGreaterThan(20);
  expect(longCount).toBeLessThan(60);
});

test("a bomb is no matter of the loop's, and is refused", async () => {
  const value = Buffer.alloc(70 << 20);
  const bytes = buildBatch({
    records: [{ timestamp: NOW, key: null, value }],
    compression: CompressionType.ZSTD,
  });
  expect(bytes.length).toBeLessThan(20_000);
  const batch = produced("producer", false);
  expect(validateBriefly(bytes, batch)).toBeNull();
  const world = fakeWorld();
  const answer = world.clock.await(examined(examinerOn(world), bytes, batch));
  expect(answer).toMatchObject({ errorCode: ErrorCode.MESSAGE_TOO_LARGE });
});

test("real threads find it too, many at once, and use their memory again", async () => {
  const world = realWorld();
  const examiner = examinerOn(world);
  const random = new FakeRandom(8);
  const asked: Promise<void>[] = [];
  for (let round = 0; round < 3; round++) {
    for (const target of TARGETS) {
      for (const compression of Object.values(CompressionType)) {
        const value = rows(20_000 + (random.uint32() % 300_000), random);
        const bytes = buildBatch({ records: [{ timestamp: NOW, key: null, value }], compression });
        const batch = produced(target, round === 1);
        const whole = validateBatch(Buffer.from(bytes), batch);
        const late = examined(examiner, bytes, batch);
        asked.push(late.then((answer) => expect(answer).toEqual(whole)));
      }
    }
  }
  expect(examiner.waitingCount).toBeGreaterThan(80);
  await Promise.all(asked);
  expect(examiner.waitingCount).toBe(0);
  expect(examiner.threadCount).toBeLessThanOrEqual(Math.max(1, navigator.hardwareConcurrency - 1));
  await examiner.stop();
  expect(examiner.threadCount).toBe(0);
}, 30_000);
