/**
 * The header of a record batch, read and patched where it lies: these are its bytes.
 *
 *    0 baseOffset int64              \ outside of the checksum: a broker sets
 *    8 length int32 (all behind it)  |  base offset and leader epoch without
 *   12 partitionLeaderEpoch int32    |  touching anything else
 *   16 magic int8 (2)                /
 *   17 crc uint32 (CRC-32C of all that follows)
 *   21 attributes int16: compression 0-2, log append time 3, transactional 4, control 5,
 *                        delete horizon 6
 *   23 lastOffsetDelta int32         stays when compaction removes records
 *   27 baseTimestamp int64           the delete horizon, where its bit is set
 *   35 maxTimestamp int64            of all records, where the log append time bit is set
 *   43 producerId int64, 51 producerEpoch int16, 53 baseSequence int32
 *   57 recordCount int32
 *   61 records, compressed as one where compression is not 0
 *
 * Magic 0 and 1 are single messages from before Kafka 0.11, which only old data directories hold:
 *   0 offset (the last, for a compressed set) int64, 8 length int32, 12 crc uint32 (CRC-32 of all
 *   that follows), 16 magic, 17 attributes int8, [18 timestamp int64 in magic 1], key, value
 *
 * `at` is where a batch begins in `bytes`; whoever calls knows that a header is there
 * (`nextBatchSize`). Only what is said to understand magic 0 and 1 does.
 */
import { readInt64, writeInt64 } from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";
import { ProtocolError } from "./protocol-error.ts";
import { zlib } from "./zlib.ts";

export const BATCH_HEADER_SIZE = 61;
/** Base offset and length: what comes before the bytes that the length counts. */
export const BATCH_PREFIX_SIZE = 12;
/** So many bytes tell a batch's size, magic and leader epoch. */
export const BATCH_SIZE_TO_MAGIC = 17;
export const CURRENT_MAGIC = 2;

export const NO_TIMESTAMP = -1;
export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_PARTITION_LEADER_EPOCH = -1;

export const TimestampType = { CREATE_TIME: 0, LOG_APPEND_TIME: 1 } as const;
export type TimestampType = (typeof TimestampType)[keyof typeof TimestampType];

const COMPRESSION_MASK = 0x07;
export const LOG_APPEND_TIME_FLAG = 0x08;
export const TRANSACTIONAL_FLAG = 0x10;
export const CONTROL_FLAG = 0x20;
export const DELETE_HORIZON_FLAG = 0x40;

const LENGTH_AT = 8;
const LEADER_EPOCH_AT = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const BASE_SEQUENCE_AT = 53;
const RECORD_COUNT_AT = 57;

const LEGACY_CRC_AT = 12;
const LEGACY_CRC_FROM = 16;
const LEGACY_TIMESTAMP_AT = 18;
/** CRC, magic, attributes and two empty fields: what the length of any message counts at least. */
const LENGTH_MIN = 14;

/**
 * The whole size of the batch that begins at `at`; 0 when it goes on behind `end`, as at the torn
 * end of a file or of a fetch. Throws `ProtocolError` when no batch can begin like this. For all
 * magics.
 */
export function nextBatchSize(bytes: Buffer, at: number, end: number): number {
  if (end - at < BATCH_PREFIX_SIZE) return 0;
  const length = bytes.readInt32BE(at + LENGTH_AT);
  if (length < LENGTH_MIN) throw new ProtocolError(tooShort(length));
  if (end - at < BATCH_SIZE_TO_MAGIC) return 0;
  const magicByte = bytes.readInt8(at + MAGIC_AT);
  if (magicByte < 0 || magicByte > CURRENT_MAGIC) {
    throw new ProtocolError(`Invalid magic found in record: ${magicByte}`);
  }
  return BATCH_PREFIX_SIZE + length <= end - at ? BATCH_PREFIX_SIZE + length : 0;
}

/** A read may end in the middle of a batch: what is cut is left out. */
export function wholeBatches(bytes: Buffer): Buffer {
  let at = 0;
  for (let size = nextBatchSize(bytes, 0, bytes.length); size > 0;) {
    at += size;
    size = nextBatchSize(bytes, at, bytes.length);
  }
  return bytes.subarray(0, at);
}

/** In Kafka's words, as producers are told. */
function tooShort(length: number): string {
  return `Record size ${length} is less than the minimum record overhead (${LENGTH_MIN})`;
}

/** For all magics; of a message of magic 0 or 1 it is the last one's offset. */
export function baseOffset(bytes: Buffer, at: number): number {
  return readInt64(bytes, at);
}

/** In bytes, prefix included. For all magics. */
export function batchSize(bytes: Buffer, at: number): number {
  return BATCH_PREFIX_SIZE + bytes.readInt32BE(at + LENGTH_AT);
}

export function partitionLeaderEpoch(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + LEADER_EPOCH_AT);
}

/** For all magics. */
export function magic(bytes: Buffer, at: number): number {
  return bytes.readInt8(at + MAGIC_AT);
}

export function crc(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at + CRC_AT);
}

/** The low byte: no bit of the high one has a meaning. */
export function attributes(bytes: Buffer, at: number): number {
  return bytes[at + ATTRIBUTES_AT + 1]!;
}

export function lastOffsetDelta(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + LAST_OFFSET_DELTA_AT);
}

/** For all magics. */
export function lastOffset(bytes: Buffer, at: number): number {
  const first = baseOffset(bytes, at);
  return magic(bytes, at) < CURRENT_MAGIC ? first : first + lastOffsetDelta(bytes, at);
}

export function baseTimestamp(bytes: Buffer, at: number): number {
  return readInt64(bytes, at + BASE_TIMESTAMP_AT);
}

/** For all magics. */
export function maxTimestamp(bytes: Buffer, at: number): number {
  const magicByte = magic(bytes, at);
  if (magicByte === CURRENT_MAGIC) return readInt64(bytes, at + MAX_TIMESTAMP_AT);
  return magicByte === 1 ? readInt64(bytes, at + LEGACY_TIMESTAMP_AT) : NO_TIMESTAMP;
}

export function producerId(bytes: Buffer, at: number): number {
  return readInt64(bytes, at + PRODUCER_ID_AT);
}

export function hasProducerId(bytes: Buffer, at: number): boolean {
  return producerId(bytes, at) > NO_PRODUCER_ID;
}

export function producerEpoch(bytes: Buffer, at: number): number {
  return bytes.readInt16BE(at + PRODUCER_EPOCH_AT);
}

export function baseSequence(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + BASE_SEQUENCE_AT);
}

export function lastSequence(bytes: Buffer, at: number): number {
  const first = baseSequence(bytes, at);
  return first === NO_SEQUENCE ? first : incrementSequence(first, lastOffsetDelta(bytes, at));
}

/** As declared: it may be fewer than the offsets say, after compaction. */
export function recordCount(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + RECORD_COUNT_AT);
}

export function isTransactional(bytes: Buffer, at: number): boolean {
  return (attributes(bytes, at) & TRANSACTIONAL_FLAG) !== 0;
}

export function isControl(bytes: Buffer, at: number): boolean {
  return (attributes(bytes, at) & CONTROL_FLAG) !== 0;
}

/** A `CompressionType`, or 5 to 7, which mean nothing. */
export function compressionOf(bytes: Buffer, at: number): number {
  return attributes(bytes, at) & COMPRESSION_MASK;
}

export function timestampTypeOf(bytes: Buffer, at: number): TimestampType {
  return (attributes(bytes, at) & LOG_APPEND_TIME_FLAG) === 0
    ? TimestampType.CREATE_TIME
    : TimestampType.LOG_APPEND_TIME;
}

/** From when on compaction may drop the batch's tombstones and markers; null when not yet known. */
export function deleteHorizonMs(bytes: Buffer, at: number): number | null {
  return (attributes(bytes, at) & DELETE_HORIZON_FLAG) === 0 ? null : baseTimestamp(bytes, at);
}

/** Whether the size can hold what it must and the checksum is right. For all magics. */
export function isIntact(bytes: Buffer, at: number): boolean {
  const size = batchSize(bytes, at);
  if (magic(bytes, at) < CURRENT_MAGIC) {
    const checked = bytes.subarray(at + LEGACY_CRC_FROM, at + size);
    return zlib().crc32(checked) === bytes.readUInt32BE(at + LEGACY_CRC_AT);
  }
  return size >= BATCH_HEADER_SIZE && computeCrc(bytes, at, size) === crc(bytes, at);
}

export function setBaseOffset(bytes: Buffer, at: number, offset: number): void {
  writeInt64(bytes, at, offset);
}

export function setPartitionLeaderEpoch(bytes: Buffer, at: number, epoch: number): void {
  bytes.writeInt32BE(epoch, at + LEADER_EPOCH_AT);
}

/** Computes the checksum anew where anything changes; bits without a meaning are then cleared. */
export function setMaxTimestamp(
  bytes: Buffer,
  at: number,
  type: TimestampType,
  timestamp: number,
): void {
  if (timestampTypeOf(bytes, at) === type && maxTimestamp(bytes, at) === timestamp) return;
  const known =
    COMPRESSION_MASK |
    LOG_APPEND_TIME_FLAG |
    TRANSACTIONAL_FLAG |
    CONTROL_FLAG |
    DELETE_HORIZON_FLAG;
  const others = attributes(bytes, at) & known & ~LOG_APPEND_TIME_FLAG;
  const flag = type === TimestampType.LOG_APPEND_TIME ? LOG_APPEND_TIME_FLAG : 0;
  bytes.writeInt16BE(others | flag, at + ATTRIBUTES_AT);
  writeInt64(bytes, at + MAX_TIMESTAMP_AT, timestamp);
  setCrc(bytes, at);
}

/** Makes the checksum right for what the batch now says. */
export function setCrc(bytes: Buffer, at: number): void {
  bytes.writeUInt32BE(computeCrc(bytes, at, batchSize(bytes, at)), at + CRC_AT);
}

/** What a header says, for writing one whole. */
export interface BatchHeader {
  readonly baseOffset: number;
  /** In bytes, prefix included. */
  readonly size: number;
  readonly partitionLeaderEpoch: number;
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/** Writes it before the records, which must be in place already: the checksum covers them. */
export function writeBatchHeader(bytes: Buffer, at: number, header: BatchHeader): void {
  writeInt64(bytes, at, header.baseOffset);
  bytes.writeInt32BE(header.size - BATCH_PREFIX_SIZE, at + LENGTH_AT);
  bytes.writeInt32BE(header.partitionLeaderEpoch, at + LEADER_EPOCH_AT);
  bytes.writeInt8(CURRENT_MAGIC, at + MAGIC_AT);
  bytes.writeInt16BE(header.attributes, at + ATTRIBUTES_AT);
  bytes.writeInt32BE(header.lastOffsetDelta, at + LAST_OFFSET_DELTA_AT);
  writeInt64(bytes, at + BASE_TIMESTAMP_AT, header.baseTimestamp);
  writeInt64(bytes, at + MAX_TIMESTAMP_AT, header.maxTimestamp);
  writeInt64(bytes, at + PRODUCER_ID_AT, header.producerId);
  bytes.writeInt16BE(header.producerEpoch, at + PRODUCER_EPOCH_AT);
  bytes.writeInt32BE(header.baseSequence, at + BASE_SEQUENCE_AT);
  bytes.writeInt32BE(header.recordCount, at + RECORD_COUNT_AT);
  setCrc(bytes, at);
}

/** Sequence numbers go round from 2^31 - 1 to 0. */
export function incrementSequence(sequence: number, increment: number): number {
  const sum = sequence + increment;
  return sum > 0x7fff_ffff ? sum - 0x8000_0000 : sum;
}

export function decrementSequence(sequence: number, decrement: number): number {
  const difference = sequence - decrement;
  return difference < 0 ? difference + 0x8000_0000 : difference;
}

function computeCrc(bytes: Buffer, at: number, size: number): number {
  return crc32c(bytes, at + ATTRIBUTES_AT, size - ATTRIBUTES_AT);
}
