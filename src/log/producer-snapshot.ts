/**
 * `%020d.snapshot`: what a partition knows of its producers, from all records before the offset in
 * the file's name.
 *
 *   int16  version, 1
 *   uint32 CRC-32C of all that follows
 *   int32  count, then as many entries of 46 bytes (protocol/records/producer-snapshot.ts)
 *
 * Of a producer's five batches the last alone is kept; what follows in the log brings the others.
 */
import { crc32c } from "../base/crc32c.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { decodeVersioned, encodeVersioned } from "../protocol/records/frame.ts";
import { producerSnapshot } from "../protocol/records/producer-snapshot.ts";
import { ProducerEntry } from "./producer-entry.ts";

const VERSION = 1;
const CRC_AT = 2;
const CHECKED_FROM = 6;

/** The size of a snapshot of no producers. */
const EMPTY_SNAPSHOT_SIZE = 10;

export function encodeProducerSnapshot(producers: ReadonlyMap<number, ProducerEntry>): Buffer {
  const producerEntries = inJavaOrder(producers).map((entry) => ({
    producerId: entry.producerId,
    epoch: entry.epoch,
    lastSequence: entry.lastSequence,
    lastOffset: entry.lastOffset,
    offsetDelta: entry.lastOffsetDelta,
    timestamp: clampTimestamp(entry.lastTimestamp),
    coordinatorEpoch: entry.coordinatorEpoch,
    currentTxnFirstOffset: entry.transactionFirstOffset,
  }));
  const bytes = encodeVersioned(producerSnapshot, VERSION, { crc: 0, producerEntries });
  bytes.writeUInt32BE(crc32c(bytes, CHECKED_FROM, bytes.length - CHECKED_FROM), CRC_AT);
  return bytes;
}

/** Throws `ProtocolError` when the bytes are not a whole snapshot. */
export function decodeProducerSnapshot(bytes: Buffer): ProducerEntry[] {
  if (bytes.length < EMPTY_SNAPSHOT_SIZE) throw new ProtocolError("a torn producer snapshot");
  if (crc32c(bytes, CHECKED_FROM, bytes.length - CHECKED_FROM) !== bytes.readUInt32BE(CRC_AT)) {
    throw new ProtocolError("a producer snapshot whose checksum is wrong");
  }
  const { producerEntries } = decodeVersioned(producerSnapshot, bytes);
  return producerEntries.map((stored) => {
    const entry = new ProducerEntry(stored.producerId, stored.epoch);
    const { lastSequence, lastOffset, offsetDelta, timestamp } = stored;
    if (lastOffset >= 0) entry.batches.push({ lastSequence, lastOffset, offsetDelta, timestamp });
    entry.lastTimestamp = timestamp;
    entry.coordinatorEpoch = stored.coordinatorEpoch;
    entry.transactionFirstOffset = Math.max(-1, stored.currentTxnFirstOffset);
    return entry;
  });
}

/** As a java.util.HashMap would list them, so that the file is Kafka's to the byte. */
function inJavaOrder(producers: ReadonlyMap<number, ProducerEntry>): ProducerEntry[] {
  let buckets = 16;
  while (producers.size > buckets * 0.75) buckets *= 2;
  const bucketOf = (entry: ProducerEntry): number => {
    const hash = (entry.producerId | 0) ^ Math.floor(entry.producerId / 0x1_0000_0000);
    return (hash ^ (hash >>> 16)) & (buckets - 1);
  };
  return [...producers.values()].sort((left, right) => bucketOf(left) - bucketOf(right));
}

function clampTimestamp(timestamp: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, timestamp));
}
