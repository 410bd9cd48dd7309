/** The second half of a pass: what is left of a group becomes one `.cleaned` segment. */
import type { Disk } from "../../base/world.ts";
import { assert } from "../../base/assert.ts";
import { FileHandles } from "../file-handles.ts";
import { CLEANED_SUFFIX, LOG_SUFFIX, segmentFileName } from "../log-names.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { batchSize, lastOffset } from "../../protocol/record-batch.ts";
import { Segment, SEGMENT_SUFFIXES } from "../segment.ts";
import { BatchFilter } from "./batch-filter.ts";
import type { CleanedTransactions } from "./cleaned-transactions.ts";
import type { OffsetMap } from "./offset-map.ts";
import { OutputBuffer } from "./output-buffer.ts";
import type { GroupRewrite, PassBegin, PassReply } from "./pass-messages.ts";
import { SegmentReader } from "./segment-reader.ts";

const OPEN_FILES_MAX = 16;

export class GroupCopy {
  readonly #disk: Disk;
  readonly #begin: PassBegin;
  readonly #group: GroupRewrite;
  readonly #transactions: CleanedTransactions;
  readonly #filter: BatchFilter;
  readonly #target: Segment;
  readonly #buffer: Buffer;
  readonly #output: OutputBuffer;
  #index = 0;
  #reader: SegmentReader | null = null;

  constructor(
    disk: Disk,
    begin: PassBegin,
    map: OffsetMap,
    transactions: CleanedTransactions,
    group: GroupRewrite,
  ) {
    this.#disk = disk;
    this.#begin = begin;
    this.#group = group;
    this.#transactions = transactions;
    this.#filter = new BatchFilter({
      map,
      transactions,
      lastRecords: new Map(group.lastRecords.map((last) => [last.producerId, last])),
      nowMs: begin.nowMs,
      deleteRetentionMs: begin.deleteRetentionMs,
      passEndOffset: begin.endOffset,
      batchBytesMax: begin.batchBytesMax,
    });
    const [first] = group.sources;
    assert(first !== undefined, "a group has a segment");
    const handles = new FileHandles(disk, OPEN_FILES_MAX);
    const place = { disk, handles, directory: begin.directory };
    this.#target = new Segment(place, first.baseOffset, 0, begin.nowMs, 0, CLEANED_SUFFIX);
    this.#target.createFiles();
    transactions.keep = (entry) => this.#target.transactionIndex.append(entry);
    this.#buffer = Buffer.allocUnsafe(begin.bufferBytes);
    this.#output = new OutputBuffer(begin.bufferBytes);
  }

  step(bytesMax: number): PassReply {
    const sizeBefore = this.#target.size;
    let bytesRead = 0;
    while (bytesRead < bytesMax && !this.#isComplete) {
      bytesRead += this.#copySome(bytesMax - bytesRead);
    }
    const { size } = this.#target;
    if (this.#isComplete) this.#finish();
    return {
      kind: "copied",
      bytesRead,
      bytesWritten: size - sizeBefore,
      isComplete: this.#isComplete,
      size,
      ...this.#filter.counts,
    };
  }

  /** The group is left as it was. */
  abandon(): void {
    this.#reader?.close();
    this.#target.coolDown();
    this.#target.removeFiles();
  }

  get #isComplete(): boolean {
    return this.#index >= this.#group.sources.length;
  }

  #copySome(bytesMax: number): number {
    const source = this.#group.sources[this.#index]!;
    if (this.#reader === null) {
      this.#transactions.add(source.aborted);
      const { directory } = this.#begin;
      this.#reader = new SegmentReader(this.#disk, directory, source, this.#buffer);
    }
    this.#output.clear();
    const count = this.#reader.read(bytesMax, (bytes, at, size) => {
      this.#filter.filter(bytes, at, size, this.#output);
      return true;
    });
    this.#write();
    if (this.#reader.isAtEnd) {
      this.#reader.close();
      this.#reader = null;
      this.#index++;
    }
    return count;
  }

  #write(): void {
    const { bytes, size } = this.#output;
    if (size === 0) return;
    for (let at = 0; at < size; at += batchSize(bytes, at)) {
      if (this.#target.canHold(lastOffset(bytes, at))) continue;
      throw new ProtocolError(`offset ${lastOffset(bytes, at)} is too far from its segment's`);
    }
    this.#target.append(bytes, 0, size, { ...this.#group, preallocate: false });
  }

  /** Everything is durable under the `.cleaned` names, and as old as the newest of the group. */
  #finish(): void {
    const { directory } = this.#begin;
    this.#transactions.keep = null;
    this.#target.close();
    const last = this.#group.sources.at(-1)!;
    const lastPath = `${directory}/${segmentFileName(last.baseOffset, LOG_SUFFIX)}`;
    const modifiedMs = this.#disk.status(lastPath)?.modifiedMs ?? null;
    for (const kind of SEGMENT_SUFFIXES) {
      const path = this.#target.pathOf(kind);
      if (this.#disk.status(path) === null) continue;
      const file = this.#disk.open(path, "write");
      try {
        file.syncNow();
      } finally {
        file.close();
      }
      if (modifiedMs !== null) this.#disk.setModifiedMs(path, modifiedMs);
    }
  }
}
