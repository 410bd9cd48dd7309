/** Record batches as KRaft writes them: one timestamp, no compression, no producer, no headers. */
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { Steps } from "../base/slices.ts";
import {
  BATCH_HEADER_SIZE,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  baseOffset,
  batchSize,
  isControl,
  isIntact,
  lastOffset,
  maxTimestamp,
  nextBatchSize,
  partitionLeaderEpoch,
  writeBatchHeader,
} from "../protocol/record-batch.ts";
import { buildBatch } from "../protocol/record-batch-builder.ts";
import { readRecords } from "../protocol/record.ts";
import {
  type ControlRecord,
  type NewControlRecord,
  decodeControl,
  encodeControl,
} from "./control-record.ts";

/** Kafka reads no larger batch of the metadata log or of a snapshot. */
export const BATCH_SIZE_MAX = 8 * 1024 * 1024;

export interface RaftBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly epoch: number;
  readonly timestamp: number;
  /** In bytes. */
  readonly size: number;
  /** Values of the records, in the order of their offsets; none in a control batch. */
  readonly values: readonly Buffer[];
  readonly controls: readonly ControlRecord[];
}

export interface Placement {
  readonly baseOffset: number;
  readonly epoch: number;
  readonly timestamp: number;
}

export function dataBatch(at: Placement, values: readonly Buffer[]): Buffer {
  const { timestamp } = at;
  return buildBatch({
    baseOffset: at.baseOffset,
    partitionLeaderEpoch: at.epoch,
    records: values.map((value) => ({ timestamp, key: null, value })),
  });
}

/** Of a batch whose place is set when it is appended. */
export const NOWHERE = { baseOffset: 0, epoch: 0 } as const;

/** As `dataBatch`, without a place yet. */
export function* batchSteps(values: readonly Buffer[], timestamp: number): Steps<Buffer> {
  if (values.length <= RECORDS_A_STEP) return dataBatch({ ...NOWHERE, timestamp }, values);
  const parts: Buffer[] = [Buffer.alloc(BATCH_HEADER_SIZE)];
  for (let from = 0; from < values.length; from += RECORDS_A_STEP) {
    const records = values.slice(from, from + RECORDS_A_STEP).map((value, index) => {
      return { timestamp, key: null, value, offsetDelta: from + index };
    });
    parts.push(buildBatch({ records }).subarray(BATCH_HEADER_SIZE));
    yield;
  }
  const bytes = Buffer.concat(parts);
  writeBatchHeader(bytes, 0, {
    baseOffset: NOWHERE.baseOffset,
    size: bytes.length,
    partitionLeaderEpoch: NOWHERE.epoch,
    attributes: 0,
    lastOffsetDelta: values.length - 1,
    baseTimestamp: timestamp,
    maxTimestamp: timestamp,
    producerId: NO_PRODUCER_ID,
    producerEpoch: NO_PRODUCER_EPOCH,
    baseSequence: NO_SEQUENCE,
    recordCount: values.length,
  });
  return bytes;
}

export function controlBatch(at: Placement, controls: readonly NewControlRecord[]): Buffer {
  const { timestamp } = at;
  return buildBatch({
    baseOffset: at.baseOffset,
    partitionLeaderEpoch: at.epoch,
    isControl: true,
    records: controls.map((control) => ({ timestamp, ...encodeControl(control) })),
  });
}

/** Kafka cuts what the controller writes at once into batches of so many records. */
const RECORDS_PER_BATCH_MAX = 10_000;
const RECORDS_A_STEP = 256;
const VALUES_SIZE_MAX = BATCH_SIZE_MAX - 1024;

export function fitsIntoBatch(values: readonly Buffer[]): boolean {
  return values.reduce((sum, value) => sum + sizeInBatch(value), 0) <= VALUES_SIZE_MAX;
}

/** The values of as few batches as may be. */
export function intoBatches(values: readonly Buffer[]): Buffer[][] {
  const batches: Buffer[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const value of values) {
    const last = batches.at(-1);
    size += sizeInBatch(value);
    if (last === undefined || size > VALUES_SIZE_MAX || last.length === RECORDS_PER_BATCH_MAX) {
      batches.push([value]);
      size = sizeInBatch(value);
    } else last.push(value);
  }
  return batches;
}

/** Room that a value takes in a batch at most: sizes, deltas and attributes around it. */
export function sizeInBatch(value: Buffer): number {
  return value.length + RECORD_OVERHEAD_MAX;
}

/** Two sizes and an offset delta of 5 bytes each, and 4 single bytes. */
const RECORD_OVERHEAD_MAX = 19;

/** All batches in these bytes. Throws `ProtocolError` when anything is left over or damaged. */
export function* readRaftBatches(bytes: Buffer): Iterable<RaftBatch> {
  let at = 0;
  while (at < bytes.length) {
    const size = nextBatchSize(bytes, at, bytes.length);
    if (size === 0) throw new ProtocolError(`a record batch cut short at position ${at}`);
    yield readRaftBatch(bytes, at);
    at += size;
  }
}

/** The batch at `at`, which must be whole. */
export function readRaftBatch(bytes: Buffer, at: number): RaftBatch {
  if (!isIntact(bytes, at)) throw new ProtocolError(`a damaged record batch at position ${at}`);
  const isControlBatch = isControl(bytes, at);
  const records = readRecords(bytes, at, BATCH_SIZE_MAX);
  return {
    baseOffset: baseOffset(bytes, at),
    lastOffset: lastOffset(bytes, at),
    epoch: partitionLeaderEpoch(bytes, at),
    timestamp: maxTimestamp(bytes, at),
    size: batchSize(bytes, at),
    values: isControlBatch ? [] : records.map(({ value }) => valueOf(value)),
    controls: isControlBatch ? records.map(({ key, value }) => decodeControl(key, value)) : [],
  };
}

function valueOf(value: Buffer | null): Buffer {
  if (value === null || value.length === 0) throw new ProtocolError("a record without a value");
  return value;
}
