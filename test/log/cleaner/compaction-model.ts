/** A compacted log beside a naive model of it: what every offset held, and what became of it. */
import { expect } from "bun:test";
import type { Log } from "../../../src/log/log.ts";
import { CompressionType, isCompressionType } from "../../../src/protocol/compression.ts";
import { buildEndTransactionMarker } from "../../../src/protocol/control-record.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import {
  baseOffset,
  isControl,
  isIntact,
  lastOffset,
  nextBatchSize,
} from "../../../src/protocol/record-batch.ts";
import { readRecords } from "../../../src/protocol/record.ts";
import type { FakeWorld } from "../../sim/fake-world.ts";

interface ModelRecord {
  readonly key: string;
  /** Null for a tombstone. */
  readonly value: string | null;
  readonly timestamp: number;
  /** -1 outside of a transaction. */
  readonly producerId: number;
  /** Of the marker; -1 without one. */
  decidedAt: number;
  isAborted: boolean;
}

export interface KeptRecord {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
}

const PRODUCERS = 3;

export class CompactionModel {
  /** By offset; undefined for markers. */
  #records: (ModelRecord | undefined)[] = [];
  readonly #sequences = new Map<number, number>();
  readonly #epochs = new Map<number, number>();
  readonly #keyCount: number;

  constructor(keyCount: number) {
    this.#keyCount = keyCount;
  }

  copy(): CompactionModel {
    const copy = new CompactionModel(this.#keyCount);
    copy.#records = this.#records.map((record) => (record === undefined ? record : { ...record }));
    for (const [producerId, sequence] of this.#sequences) copy.#sequences.set(producerId, sequence);
    for (const [producerId, epoch] of this.#epochs) copy.#epochs.set(producerId, epoch);
    return copy;
  }

  /** Some records of any kind, in any codec, by anybody; or the end of a transaction. */
  append(world: FakeWorld, log: Log): void {
    const { random, clock } = world;
    const producerId = random.below(2) === 0 ? -1 : 1000 + random.below(PRODUCERS);
    const isTransactional = producerId !== -1 && (producerId & 1) === 0;
    if (isTransactional && random.below(3) === 0) {
      return this.endTransaction(world, log, producerId, random.below(2) === 0);
    }
    const timestamp = clock.wallMs() - random.below(20);
    const records = Array.from({ length: 1 + random.below(4) }, (_, index) => ({
      timestamp: timestamp + index,
      key: `key ${random.below(this.#keyCount)}`,
      value:
        random.below(4) === 0 ? null : `${log.logEndOffset}.${index}`.padEnd(random.below(200)),
    }));
    const sequence = this.#sequences.get(producerId) ?? 0;
    const codec = random.below(3) > 0 ? 0 : random.below(5);
    const bytes = buildBatch({
      records: records.map(({ timestamp: time, key, value }) => ({
        timestamp: time,
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
      })),
      compression: isCompressionType(codec) ? codec : CompressionType.NONE,
      producerId,
      producerEpoch: producerId === -1 ? -1 : (this.#epochs.get(producerId) ?? 0),
      baseSequence: producerId === -1 ? -1 : sequence,
      isTransactional,
    });
    const result = this.#append(log, bytes, "client", clock.wallMs());
    expect(result.firstOffset).toBe(this.#records.length);
    this.#sequences.set(producerId, sequence + records.length);
    const owner = isTransactional ? producerId : -1;
    for (const record of records) {
      this.#records.push({ ...record, producerId: owner, decidedAt: -1, isAborted: false });
    }
  }

  endTransaction(world: FakeWorld, log: Log, producerId: number, isCommit: boolean): void {
    const timestamp = world.clock.wallMs();
    const marker = buildEndTransactionMarker({
      isCommit,
      producerId,
      producerEpoch: this.#epochs.get(producerId) ?? 0,
      coordinatorEpoch: 0,
      timestamp,
    });
    const decidedAt = this.#append(log, marker, "coordinator", timestamp).firstOffset;
    this.#records.push(undefined);
    for (const record of this.#records) {
      if (record?.producerId !== producerId || record.decidedAt !== -1) continue;
      Object.assign(record, { decidedAt, isAborted: !isCommit });
    }
  }

  /** After a crash: what was not durable may be gone, and open transactions are aborted. */
  goOnWith(world: FakeWorld, log: Log, durableEnd: number): void {
    expect(log.logEndOffset).toBeGreaterThanOrEqual(durableEnd);
    expect(log.logEndOffset).toBeLessThanOrEqual(this.#records.length);
    this.#records.length = log.logEndOffset;
    const active = new Map(log.activeProducers().map((entry) => [entry.producerId, entry]));
    for (const record of this.#records) {
      // A marker that is gone decides nothing.
      if (record === undefined || record.decidedAt < log.logEndOffset) continue;
      Object.assign(record, { decidedAt: -1, isAborted: false });
    }
    for (const producerId of this.#sequences.keys()) {
      const entry = active.get(producerId);
      const epoch = this.#epochs.get(producerId) ?? 0;
      this.#sequences.set(producerId, entry === undefined ? 0 : entry.lastSequence + 1);
      this.#epochs.set(producerId, entry?.epoch ?? epoch + 1);
    }
    for (const { producerId } of [...log.state.producers.state.ongoing]) {
      this.endTransaction(world, log, producerId, false);
    }
    world.clock.settle();
  }

  get endOffset(): number {
    return this.#records.length;
  }

  /** What a reader of committed records ends up with. */
  lastValues(): Map<string, string | null> {
    const values = new Map<string, string | null>();
    for (const record of this.#records) {
      if (record !== undefined && isCommitted(record)) values.set(record.key, record.value);
    }
    return values;
  }

  /** Throws where the log says anything else than the model, or less. */
  check(log: Log, hint: string): KeptRecord[] {
    const kept = recordsOf(log, hint);
    const values = new Map<string, string | null>();
    for (const record of kept) {
      const known = this.#records[record.offset];
      expect(known, `${hint} offset ${record.offset}`).toMatchObject({
        key: record.key,
        value: record.value,
      });
      if (isCommitted(known!)) values.set(record.key, record.value);
    }
    for (const [key, value] of this.lastValues()) {
      // A tombstone may have gone, with all before it.
      expect(values.get(key) ?? null, `${hint} ${key}`).toBe(value);
    }
    return kept;
  }

  #append(log: Log, bytes: Buffer, origin: "client" | "coordinator", nowMs: number) {
    const result = log.appendAsLeader(bytes, {
      leaderEpoch: 0,
      origin,
      nowMs,
      transactionVersion: 1,
    });
    expect(result.errorCode).toBe(0);
    log.advanceHighWatermark(log.logEndOffset);
    return result;
  }
}

function isCommitted(record: ModelRecord): boolean {
  return record.producerId === -1 || (record.decidedAt !== -1 && !record.isAborted);
}

/** From the files, segment by segment: intact batches in the order of their offsets. */
export function recordsOf(log: Log, hint: string): KeptRecord[] {
  const kept: KeptRecord[] = [];
  let nextOffset = log.firstSegmentBaseOffset;
  for (const segment of log.state.segments.all) {
    expect(segment.baseOffset, hint).toBeGreaterThanOrEqual(nextOffset);
    nextOffset = segment.baseOffset;
    const bytes = Buffer.alloc(segment.size);
    const file = segment.log.use();
    expect(file.size(), hint).toBe(segment.size);
    file.read(bytes, 0, bytes.length, 0);
    for (let at = 0; at < bytes.length;) {
      const size = nextBatchSize(bytes, at, bytes.length);
      expect(size, hint).toBeGreaterThan(0);
      expect(isIntact(bytes, at), hint).toBe(true);
      expect(baseOffset(bytes, at), hint).toBeGreaterThanOrEqual(nextOffset);
      nextOffset = lastOffset(bytes, at) + 1;
      for (const { offset, key, value } of isControl(bytes, at) ? [] : readRecords(bytes, at)) {
        if (offset < log.logStartOffset) continue;
        kept.push({ offset, key: key!.toString(), value: value?.toString() ?? null });
      }
      at += size;
    }
  }
  expect(nextOffset, hint).toBeLessThanOrEqual(log.logEndOffset);
  return kept;
}
