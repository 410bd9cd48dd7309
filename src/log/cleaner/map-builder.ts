/** The first half of a pass: the last offset of each key in the dirty part of the log. */
import type { Disk } from "../../base/world.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import {
  baseOffset,
  CURRENT_MAGIC,
  isControl,
  isIntact,
  lastOffset,
  magic,
  recordCount,
} from "../../protocol/record-batch.ts";
import { openBatch } from "../../protocol/record.ts";
import { CleanedTransactions } from "./cleaned-transactions.ts";
import { OffsetMap } from "./offset-map.ts";
import type { PassBegin, PassReply } from "./pass-messages.ts";
import { SegmentReader } from "./segment-reader.ts";

export class MapBuilder {
  readonly map: OffsetMap;
  /** Those of the second half, which goes over the same log from its start. */
  readonly copied = new CleanedTransactions();
  readonly #disk: Disk;
  readonly #begin: PassBegin;
  readonly #transactions = new CleanedTransactions();
  readonly #buffer: Buffer;
  #index = 0;
  #reader: SegmentReader | null = null;
  #isFull = false;
  #recordsRead = 0;

  constructor(disk: Disk, begin: PassBegin) {
    this.#disk = disk;
    this.#begin = begin;
    this.map = new OffsetMap({
      bytesMax: begin.mapBytesMax,
      loadFactor: begin.mapLoadFactor,
      keysExpectedMax: begin.endOffset - begin.startOffset,
      hashKey: begin.hashKey,
    });
    this.#buffer = Buffer.allocUnsafe(begin.bufferBytes);
    this.#transactions.add(begin.aborted);
  }

  step(bytesMax: number): PassReply {
    let bytesRead = 0;
    while (bytesRead < bytesMax && !this.#isComplete) {
      bytesRead += this.#readSome(bytesMax - bytesRead);
    }
    return {
      kind: "indexed",
      bytesRead,
      isComplete: this.#isComplete,
      endOffset: this.map.latestOffset + 1,
      recordsRead: this.#recordsRead,
      mapUtilization: this.map.utilization,
    };
  }

  get #isComplete(): boolean {
    return this.#isFull || this.#index >= this.#begin.dirty.length;
  }

  #readSome(bytesMax: number): number {
    const segment = this.#begin.dirty[this.#index]!;
    const { directory } = this.#begin;
    this.#reader ??= new SegmentReader(this.#disk, directory, segment, this.#buffer);
    const reader = this.#reader;
    try {
      const count = reader.read(bytesMax, (bytes, at) => {
        this.#isFull = !this.#note(bytes, at);
        return !this.#isFull;
      });
      if (!reader.isAtEnd && !this.#isFull) return count;
      // Where offsets are missing at the end of a segment, nothing of it is dirty any more.
      if (!this.#isFull) this.map.latestOffset = segment.nextBaseOffset - 1;
      this.#leave();
      return count;
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  #leave(): void {
    this.#reader?.close();
    this.#reader = null;
    this.#index++;
  }

  /** False when the map is full. */
  #note(bytes: Buffer, at: number): boolean {
    if (magic(bytes, at) < CURRENT_MAGIC) throw new ProtocolError(OLD_FORMAT);
    if (!isIntact(bytes, at)) {
      throw new ProtocolError(`a damaged batch at offset ${baseOffset(bytes, at)}`);
    }
    const { startOffset, batchBytesMax } = this.#begin;
    this.#recordsRead += recordCount(bytes, at);
    const isAborted = this.#transactions.canDiscard(bytes, at);
    if (!isControl(bytes, at) && !isAborted) {
      const cursor = openBatch(bytes, at, batchBytesMax);
      while (cursor.next()) {
        const { offset, keySize } = cursor;
        if (keySize < 0 || offset < startOffset) continue;
        if (!this.map.put(cursor.bytes, cursor.keyStart, keySize, offset)) return false;
      }
    }
    const last = lastOffset(bytes, at);
    if (last >= startOffset) this.map.latestOffset = last;
    return true;
  }
}

const OLD_FORMAT = "a batch of a format before Kafka 0.11";
