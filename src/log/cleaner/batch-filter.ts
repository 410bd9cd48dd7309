/**
 * What compaction leaves of a batch: all of it, some of its records, its header alone, or nothing.
 *
 *   records    the last one of each key; all behind the offset map; no keyless one
 *   tombstones until the delete horizon of their batch, which the first pass that keeps them sets
 *              (KIP-534: `delete.retention.ms` from then, in place of the base timestamp)
 *   markers    until no batch of their transaction is left, and their own horizon is past
 *   header     of a producer's last batch, for its sequence numbers, and of the last batch of the
 *              pass, for its offset
 *
 * Offsets and the last offset of a batch stay. Byte for byte what Kafka's MemoryRecords.filterTo
 * makes. A batch whose checksum is wrong is left to people: it never gets a right one.
 */
import { varintSize, varlongSize, writeVarint, writeVarlong } from "../../base/varint.ts";
import { compress, CompressionType, isCompressionType } from "../../protocol/compression.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import * as batch from "../../protocol/record-batch.ts";
import type { RecordCursor } from "../../protocol/record-cursor.ts";
import { openBatch } from "../../protocol/record.ts";
import type { CleanedTransactions } from "./cleaned-transactions.ts";
import type { OffsetMap } from "./offset-map.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import { RecordList } from "./record-list.ts";

/** What is to be kept for a producer that may go on. */
export interface LastRecord {
  readonly producerId: number;
  /** -1 when the last thing it left is a marker. */
  readonly lastDataOffset: number;
  readonly epoch: number;
}

export interface FilterRules {
  readonly map: OffsetMap;
  readonly transactions: CleanedTransactions;
  /** By producer id. */
  readonly lastRecords: ReadonlyMap<number, LastRecord>;
  /** When the pass began. */
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  /** Where the part of the log ends that the pass may change. */
  readonly passEndOffset: number;
  /** Decompressed, whatever a batch promises. */
  readonly batchBytesMax: number;
}

export interface FilterCounts {
  recordsRead: number;
  recordsKept: number;
  keylessRecords: number;
}

export class BatchFilter {
  readonly counts: FilterCounts = { recordsRead: 0, recordsKept: 0, keylessRecords: 0 };
  readonly #rules: FilterRules;
  readonly #kept = new RecordList();

  constructor(rules: FilterRules) {
    this.#rules = rules;
  }

  /** Appends what is left of the batch at `at` to `output`. Throws `ProtocolError`. */
  filter(bytes: Buffer, at: number, size: number, output: OutputBuffer): void {
    if (batch.magic(bytes, at) < batch.CURRENT_MAGIC) throw new ProtocolError(OLD_FORMAT);
    if (!batch.isIntact(bytes, at)) {
      throw new ProtocolError(`a damaged batch at offset ${batch.baseOffset(bytes, at)}`);
    }
    const { nowMs } = this.#rules;
    const horizonMs = batch.deleteHorizonMs(bytes, at);
    const isMarker = batch.isControl(bytes, at);
    const canDiscard = this.#rules.transactions.canDiscard(bytes, at);
    const isPastHorizon = horizonMs !== null && horizonMs <= nowMs;
    const discardsRecords = canDiscard && (!isMarker || isPastHorizon);
    const keepsHeader = this.#mustKeepHeader(bytes, at);
    this.counts.recordsRead += batch.recordCount(bytes, at);
    if (discardsRecords) {
      if (keepsHeader) this.#writeEmpty(bytes, at, output);
      return;
    }
    const cursor = openBatch(bytes, at, this.#rules.batchBytesMax);
    const found = this.#choose(cursor, isMarker, horizonMs === null || nowMs < horizonMs);
    this.counts.recordsKept += this.#kept.count;
    if (this.#kept.count === 0) {
      if (keepsHeader) this.#writeEmpty(bytes, at, output);
      return;
    }
    const needsHorizon = horizonMs === null && (found.hasTombstone || (canDiscard && isMarker));
    if (found.keepsAll && !needsHorizon) {
      output.append(bytes, at, size);
      return;
    }
    const newHorizonMs = needsHorizon ? nowMs + this.#rules.deleteRetentionMs : horizonMs;
    // "For ever" has no place in a timestamp.
    const isFinite = newHorizonMs !== null && Number.isSafeInteger(newHorizonMs);
    this.#rebuild(bytes, at, cursor, isFinite ? newHorizonMs : null, output);
  }

  #mustKeepHeader(bytes: Buffer, at: number): boolean {
    const lastOffset = batch.lastOffset(bytes, at);
    if (lastOffset + 1 === this.#rules.passEndOffset) return true;
    if (!batch.hasProducerId(bytes, at)) return false;
    const last = this.#rules.lastRecords.get(batch.producerId(bytes, at));
    if (last === undefined) return false;
    if (last.lastDataOffset >= 0) return last.lastDataOffset === lastOffset;
    return batch.isControl(bytes, at) && batch.producerEpoch(bytes, at) === last.epoch;
  }

  /** Leaves the records that stay in `#kept`. */
  #choose(
    cursor: RecordCursor,
    isMarker: boolean,
    keepsTombstones: boolean,
  ): { readonly keepsAll: boolean; readonly hasTombstone: boolean } {
    const { map } = this.#rules;
    this.#kept.clear();
    let keepsAll = true;
    let hasTombstone = false;
    while (cursor.next()) {
      if (!isMarker && !this.#stays(cursor, map, keepsTombstones)) {
        keepsAll = false;
        continue;
      }
      if (cursor.valueSize < 0) hasTombstone = true;
      this.#kept.add(cursor.start, cursor.end, cursor.timestampDelta);
    }
    return { keepsAll, hasTombstone };
  }

  #stays(cursor: RecordCursor, map: OffsetMap, keepsTombstones: boolean): boolean {
    const { offset, keySize } = cursor;
    if (offset > map.latestOffset) return true;
    if (keySize < 0) {
      this.counts.keylessRecords++;
      return false;
    }
    if (cursor.valueSize < 0 && !keepsTombstones) return false;
    return offset >= map.get(cursor.bytes, cursor.keyStart, keySize);
  }

  #writeEmpty(bytes: Buffer, at: number, output: OutputBuffer): void {
    const flags = batch.LOG_APPEND_TIME_FLAG | batch.TRANSACTIONAL_FLAG | batch.CONTROL_FLAG;
    const start = output.extend(batch.BATCH_HEADER_SIZE);
    batch.writeBatchHeader(output.bytes, start, {
      baseOffset: batch.baseOffset(bytes, at),
      size: batch.BATCH_HEADER_SIZE,
      partitionLeaderEpoch: batch.partitionLeaderEpoch(bytes, at),
      attributes: batch.attributes(bytes, at) & flags,
      lastOffsetDelta: batch.lastOffsetDelta(bytes, at),
      baseTimestamp: batch.NO_TIMESTAMP,
      maxTimestamp: batch.maxTimestamp(bytes, at),
      producerId: batch.producerId(bytes, at),
      producerEpoch: batch.producerEpoch(bytes, at),
      baseSequence: batch.baseSequence(bytes, at),
      recordCount: 0,
    });
  }

  #rebuild(
    bytes: Buffer,
    at: number,
    cursor: RecordCursor,
    horizonMs: number | null,
    output: OutputBuffer,
  ): void {
    const kept = this.#kept;
    const type = batch.compressionOf(bytes, at);
    if (!isCompressionType(type)) throw new ProtocolError(`records of compression ${type}`);
    const oldBaseMs = batch.baseTimestamp(bytes, at);
    // Where the broker has set the time, every record has that of the batch.
    const isStamped = batch.timestampTypeOf(bytes, at) === batch.TimestampType.LOG_APPEND_TIME;
    const stampMs = isStamped ? batch.maxTimestamp(bytes, at) : null;
    const newBaseMs = horizonMs ?? stampMs ?? oldBaseMs + kept.timestampDelta(0);
    const isCompressed = type !== CompressionType.NONE;
    const records = isCompressed ? kept.scratch : output;
    if (isCompressed) records.clear();
    const start = isCompressed ? 0 : output.extend(batch.BATCH_HEADER_SIZE);
    if (stampMs === null && newBaseMs === oldBaseMs) kept.copyTo(records, cursor.bytes);
    else copyWithTimes(kept, records, cursor.bytes, stampMs, oldBaseMs, newBaseMs);
    let headerAt = start;
    if (isCompressed) {
      const compressed = compress(type, records.written());
      headerAt = output.extend(batch.BATCH_HEADER_SIZE);
      output.append(compressed, 0, compressed.length);
    }
    const flags = batch.LOG_APPEND_TIME_FLAG | batch.TRANSACTIONAL_FLAG | batch.CONTROL_FLAG;
    batch.writeBatchHeader(output.bytes, headerAt, {
      baseOffset: batch.baseOffset(bytes, at),
      size: output.size - headerAt,
      partitionLeaderEpoch: batch.partitionLeaderEpoch(bytes, at),
      attributes:
        type |
        (batch.attributes(bytes, at) & flags) |
        (horizonMs === null ? 0 : batch.DELETE_HORIZON_FLAG),
      lastOffsetDelta: batch.lastOffsetDelta(bytes, at),
      baseTimestamp: newBaseMs,
      maxTimestamp: stampMs ?? Math.max(batch.NO_TIMESTAMP, oldBaseMs + kept.timestampDeltaMax),
      producerId: batch.producerId(bytes, at),
      producerEpoch: batch.producerEpoch(bytes, at),
      baseSequence: batch.baseSequence(bytes, at),
      recordCount: kept.count,
    });
  }
}

const OLD_FORMAT = "a batch of a format before Kafka 0.11";

/** The records of another base timestamp: nothing else in them changes, but for their size. */
function copyWithTimes(
  kept: RecordList,
  output: OutputBuffer,
  bytes: Buffer,
  stampMs: number | null,
  oldBaseMs: number,
  newBaseMs: number,
): void {
  for (let index = 0; index < kept.count; index++) {
    const bodyStart = afterVarint(bytes, kept.start(index));
    const restStart = afterVarint(bytes, bodyStart + ATTRIBUTES_SIZE);
    const restSize = kept.end(index) - restStart;
    const timestamp = stampMs ?? oldBaseMs + kept.timestampDelta(index);
    const delta = timestamp - newBaseMs;
    const bodySize = ATTRIBUTES_SIZE + varlongSize(delta) + restSize;
    const start = output.extend(varintSize(bodySize) + ATTRIBUTES_SIZE + varlongSize(delta));
    const attributesAt = writeVarint(output.bytes, start, bodySize);
    output.bytes[attributesAt] = 0;
    writeVarlong(output.bytes, attributesAt + ATTRIBUTES_SIZE, delta);
    output.append(bytes, restStart, restSize);
  }
}

/** One byte of attributes, of which none is used. */
const ATTRIBUTES_SIZE = 1;

function afterVarint(bytes: Buffer, from: number): number {
  let position = from;
  while (bytes[position]! > 0x7f) position++;
  return position + 1;
}
