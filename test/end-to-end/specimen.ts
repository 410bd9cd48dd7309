/**
 * A log directory to be spoilt: one partition with records in several segments, a producer that
 * goes on, a group with a committed offset. Made once; every test spoils a copy.
 *
 *   clean     stopped by SIGTERM: the marker is there
 *   crashed   killed: what lies behind the recovery point is checked at the next start
 */
import { expect } from "bun:test";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { offsetCommit } from "../../src/protocol/messages/08-offset-commit.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import {
  baseOffset,
  isIntact,
  lastOffset,
  nextBatchSize,
} from "../../src/protocol/record-batch.ts";
import { readRecords } from "../../src/protocol/record.ts";
import { BrokerProcess, type Overrides, Scratch } from "./broker-process.ts";
import {
  batchStarts,
  Connection,
  createTopic,
  EARLIEST,
  expectNone,
  fetchOnce,
  LATEST,
  newProducerId,
  offsetFor,
  produceBatch,
} from "./client.ts";
import { committedOffset, findGroup } from "./load-groups.ts";

export const TOPIC = "topic";
export const GROUP = "group";
const BATCH_COUNT = 120;
const RECORDS_PER_BATCH = 3;
const COMMITTED_OFFSET = 100;
const INTERVAL_MS = 1_000;

export const SETTINGS: Overrides = {
  "log.initial.task.delay.ms": "10",
  "log.flush.offset.checkpoint.interval.ms": "20",
  "offsets.topic.num.partitions": "1",
  "group.initial.rebalance.delay.ms": "0",
};

const CONFIGS = { "internal.segment.bytes": "6000", "index.interval.bytes": "300" };

export interface OracleRecord {
  readonly timestamp: number;
  readonly value: string;
}

export interface Specimen {
  readonly clean: string;
  readonly crashed: string;
  readonly producerId: number;
  /** By offset. */
  readonly records: readonly OracleRecord[];
}

export async function makeSpecimen(scratch: Scratch): Promise<Specimen> {
  const [clean, crashed] = [join(scratch.path, "clean"), join(scratch.path, "crashed")];
  let broker = await BrokerProcess.start(clean, SETTINGS);
  const { producerId, records } = await fill(broker);
  await recoveryPointMoved(clean);
  await broker.stop();
  cpSync(clean, crashed, { recursive: true });
  broker = await BrokerProcess.start(crashed, SETTINGS);
  await broker.kill();
  return { clean, crashed, producerId, records };
}

async function fill(broker: BrokerProcess) {
  using connection = await Connection.open(broker.port);
  await createTopic(connection, TOPIC, 1, CONFIGS);
  const producerId = await newProducerId(connection);
  const records: OracleRecord[] = [];
  const startMs = Date.now() - BATCH_COUNT * RECORDS_PER_BATCH * INTERVAL_MS;
  for (let batch = 0; batch < BATCH_COUNT; batch++) {
    const added = Array.from({ length: RECORDS_PER_BATCH }, (_, index) => {
      const number = records.length + index;
      return {
        timestamp: startMs + number * INTERVAL_MS,
        value: `${number}:${"v".repeat(number % 90)}`,
      };
    });
    await append(connection, producerId, records.length, added);
    records.push(...added);
  }
  await findGroup(connection, GROUP);
  const committed = await connection.request(offsetCommit, 8, {
    groupId: GROUP,
    memberId: "",
    topics: [
      {
        name: TOPIC,
        partitions: [
          { partitionIndex: 0, committedOffset: COMMITTED_OFFSET, committedMetadata: "" },
        ],
      },
    ],
  });
  expectNone("commit", committed.topics[0]!.partitions[0]!.errorCode);
  return { producerId, records };
}

async function append(
  connection: Connection,
  producerId: number,
  baseSequence: number,
  records: readonly OracleRecord[],
): Promise<number> {
  const bytes = buildBatch({
    records: records.map(({ timestamp, value }) => ({
      timestamp,
      key: null,
      value: Buffer.from(value),
    })),
    ...(producerId < 0 ? {} : { producerId, producerEpoch: 0, baseSequence }),
  });
  const produced = await produceBatch(connection, TOPIC, 0, bytes);
  expectNone(`append ${baseSequence}`, produced.errorCode);
  return produced.baseOffset;
}

async function recoveryPointMoved(directory: string): Promise<void> {
  const path = join(directory, "recovery-point-offset-checkpoint");
  for (;;) {
    try {
      const line = new RegExp(`^${TOPIC} 0 (\\d+)$`, "m").exec(readFileSync(path, "utf8"));
      if (Number(line?.[1]) > 0) return;
    } catch {
      // It is written at the first checkpoint.
    }
    await Bun.sleep(5);
  }
}

/** What is to be seen of the specimen after it was spoilt. */
export interface Sight {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Offsets of the records that can be read, all of them right. */
  readonly offsets: readonly number[];
  /** Offsets where the broker said so, or the client saw by the checksum, that data is damaged. */
  readonly damagedAt: readonly number[];
}

/** Reads everything that is served, and holds each record against the original. */
export async function look(broker: BrokerProcess, specimen: Specimen): Promise<Sight> {
  using connection = await Connection.open(broker.port);
  const { offset: logStartOffset } = await offsetFor(connection, TOPIC, 0, EARLIEST);
  const { offset: logEndOffset } = await offsetFor(connection, TOPIC, 0, LATEST);
  const offsets: number[] = [];
  const damagedAt: number[] = [];
  let offset = logStartOffset;
  while (offset < logEndOffset) {
    const fetched = await fetchOnce(connection, TOPIC, 0, offset);
    const bytes = fetched.records ?? Buffer.alloc(0);
    const starts = fetched.errorCode === ErrorCode.NONE ? startsOf(bytes) : [];
    if (starts.length === 0) {
      // A client can do no more than to go on behind it.
      damagedAt.push(offset++);
      continue;
    }
    for (const at of starts) {
      if (!isIntact(bytes, at)) {
        damagedAt.push(offset++);
        break;
      }
      for (const record of readRecords(bytes, at)) {
        if (record.offset < offset) continue;
        expect(record.value!.toString("latin1"), `value at ${record.offset}`).toBe(
          specimen.records[record.offset]?.value ?? "no such record",
        );
        expect(record.timestamp).toBe(specimen.records[record.offset]!.timestamp);
        offsets.push(record.offset);
      }
      offset = Math.max(offset, lastOffset(bytes, at) + 1);
    }
  }
  return { logStartOffset, logEndOffset, offsets, damagedAt };
}

/** Of the whole batches before one whose size or magic makes no sense. */
function startsOf(bytes: Buffer): number[] {
  const starts: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = sizeOf(bytes, at);
    if (size === 0) break;
    starts.push(at);
    at += size;
  }
  return starts;
}

function sizeOf(bytes: Buffer, at: number): number {
  try {
    return nextBatchSize(bytes, at, bytes.length);
  } catch (error) {
    if (error instanceof ProtocolError) return 0;
    throw error;
  }
}

/** Any offset and any time leads to the right batch, whatever the indexes say. */
export async function expectFindable(broker: BrokerProcess, specimen: Specimen): Promise<void> {
  using connection = await Connection.open(broker.port);
  for (let offset = 0; offset < specimen.records.length; offset += 7) {
    const { records } = await fetchOnce(connection, TOPIC, 0, offset, 100);
    expect(baseOffset(records!, 0), `first offset of what is fetched at ${offset}`).toBe(
      offset - (offset % RECORDS_PER_BATCH),
    );
    const { timestamp } = specimen.records[offset]!;
    const found = await offsetFor(connection, TOPIC, 0, timestamp);
    expect(found, `at the time of ${offset}`).toMatchObject({ offset, timestamp });
  }
}

/** The log goes on where it ends: the next record gets the next offset, and can be read. */
export async function expectGoesOn(
  broker: BrokerProcess,
  specimen: Specimen,
  sight: Sight,
  isWhole: boolean,
): Promise<void> {
  using connection = await Connection.open(broker.port);
  const added = [{ timestamp: Date.now(), value: "added" }];
  // Where nothing was lost, the producer goes on as if nothing had happened.
  const producerId = isWhole ? specimen.producerId : -1;
  const offset = await append(connection, producerId, specimen.records.length, added);
  expect(offset).toBe(sight.logEndOffset);
  const { records, highWatermark } = await fetchOnce(connection, TOPIC, 0, offset);
  expect(highWatermark).toBe(offset + 1);
  const [record] = readRecords(records!, batchStarts(records!).at(-1)!);
  expect(record).toMatchObject({ offset, value: Buffer.from("added") });
}

export async function expectCommittedOffset(broker: BrokerProcess): Promise<void> {
  using connection = await Connection.open(broker.port);
  await findGroup(connection, GROUP);
  expect(await committedOffset(connection, GROUP, TOPIC)).toBe(COMMITTED_OFFSET);
}
