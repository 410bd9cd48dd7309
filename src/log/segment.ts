/**
 * One segment of a log: record batches back to back in `.log`, and what finds them.
 *
 *   .log        [batch][batch][batch]....[batch]         size bytes, then maybe reserved blocks
 *   .index      offset -> position                       offset-index.ts
 *   .timeindex  timestamp -> offset                      time-index.ts
 *   .txnindex   aborted transactions                     transaction-index.ts
 *
 * The last segment of a log is active: it alone is written, and knows its last batches without
 * the disk (`recent`). A segment opens a file when it needs it; `cool` gives files, memory and
 * reserved blocks back, so that an idle segment is this object and nothing else.
 *
 * Invariants: `size` ends a batch; every offset in it is within 2^31 of the base offset; index
 * entries point at batches of this file. Positions and offsets only grow, but for `truncateTo`.
 */
import type { Disk } from "../base/world.ts";
import {
  BATCH_HEADER_SIZE,
  BATCH_SIZE_TO_MAGIC,
  baseOffset as baseOffsetOf,
  batchSize as batchSizeOf,
  lastOffset as lastOffsetOf,
  maxTimestamp as maxTimestampOf,
} from "../protocol/record-batch.ts";
import { scanBatchesNow } from "./batch-scan.ts";
import type { FileHandle, FileHandles } from "./file-handles.ts";
import { COLD, entriesIn, type FoundEntries } from "./index-file.ts";
import { GatheredWrite, type HandedWrite } from "./gathered-write.ts";
import type { LogConfig } from "./log-config.ts";
import {
  INDEX_SUFFIX,
  LOG_SUFFIX,
  segmentFileName,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "./log-names.ts";
import { OFFSET_ENTRY_SIZE, OffsetIndex } from "./offset-index.ts";
import { RecentBatches } from "./recent-batches.ts";
import { RESERVE_FROM, SegmentRoom } from "./segment-room.ts";
import { TIME_ENTRY_SIZE, TimeIndex } from "./time-index.ts";
import { TransactionIndex } from "./transaction-index.ts";

/** Where the files of a partition are; `directory` changes when the partition is renamed. */
export interface SegmentPlace {
  readonly disk: Disk;
  readonly handles: FileHandles;
  directory: string;
}

export const SEGMENT_SUFFIXES = [
  LOG_SUFFIX,
  INDEX_SUFFIX,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
] as const;

type AppendConfig = Pick<LogConfig, "indexIntervalBytes" | "preallocate" | "segmentBytes">;

/** Answers of `locate`, besides `COLD`. */
export const FOUND = 1;
export const BEYOND_END = 0;
export const DAMAGED = -2;

const NOTHING_FOUND: FoundEntries = { count: 0, fileSize: 0 };
const OFFSETS_MAX = 0x7fff_ffff;
const HEADERS_SIZE = 4096;
/** So many bytes of a batch tell its last offset; more is read where several batches fit in. */
const LAST_OFFSET_END = 27;

/** Bytes that were read last while looking for a batch; good until the next look. */
const headers = Buffer.alloc(HEADERS_SIZE);

export class Segment {
  readonly baseOffset: number;
  size: number;
  /** An entry of the offset index did not point at its batch. */
  isIndexDamaged = false;
  /** What `locate` found: where a batch begins, and its size. */
  foundPosition = 0;
  foundSize = 0;

  readonly #place: SegmentPlace;
  readonly #rollJitterMs: number;
  #createdMs: number;
  /** Behind every file name, on the way into the log and out of it. */
  #suffix: string;
  #firstTimestamp: number | null = null;
  #maxTimestamp: number | null = null;
  #maxTimestampOffset = 0;
  #isMaxTimestampChecked = false;
  #bytesSinceIndexEntry = 0;
  readonly #room: SegmentRoom;
  /** The last batch that was looked for has an entry of its own, as large ones do. */
  #isEachIndexed = false;
  #coldPosition = -1;
  #lastScanned = -1;
  #log: FileHandle | null = null;
  #offsetIndex: OffsetIndex | null = null;
  #timeIndex: TimeIndex | null = null;
  #transactionIndex: TransactionIndex | null = null;
  #recent: RecentBatches | null = null;
  /** Batches at the end of the segment that are not in the file yet. */
  readonly #gathered = new GatheredWrite();

  constructor(
    place: SegmentPlace,
    baseOffset: number,
    size: number,
    nowMs: number,
    rollJitterMs: number,
    suffix = "",
  ) {
    this.#suffix = suffix;
    this.#place = place;
    this.baseOffset = baseOffset;
    this.size = size;
    this.#room = new SegmentRoom(size);
    this.#createdMs = nowMs;
    this.#rollJitterMs = rollJitterMs;
  }

  pathOf(suffix: string): string {
    return `${this.#place.directory}/${segmentFileName(this.baseOffset, suffix)}${this.#suffix}`;
  }

  /** Whoever asks for the file finds all batches in it. */
  get log(): FileHandle {
    if (this.#gathered.pendingSize > 0) this.writeGathered();
    return this.#file;
  }

  /** The same up to a position. */
  logUpTo(end: number): FileHandle {
    return end <= this.size - this.#gathered.pendingSize ? this.#file : this.log;
  }

  get #file(): FileHandle {
    this.#log ??= this.#place.handles.handle(this.pathOf(LOG_SUFFIX), "write");
    return this.#log;
  }

  get offsetIndex(): OffsetIndex {
    if (this.#offsetIndex === null) {
      const path = this.pathOf(INDEX_SUFFIX);
      const found = entriesIn(this.#place, path, OFFSET_ENTRY_SIZE);
      this.#offsetIndex = new OffsetIndex(this.#place.handles, path, this.baseOffset, found);
    }
    return this.#offsetIndex;
  }

  get timeIndex(): TimeIndex {
    if (this.#timeIndex === null) {
      const path = this.pathOf(TIME_INDEX_SUFFIX);
      const found = entriesIn(this.#place, path, TIME_ENTRY_SIZE);
      this.#timeIndex = new TimeIndex(this.#place.handles, path, this.baseOffset, found);
    }
    return this.#timeIndex;
  }

  get transactionIndex(): TransactionIndex {
    this.#transactionIndex ??= new TransactionIndex(
      this.#place.disk,
      this.#place.handles,
      this.pathOf(TRANSACTION_INDEX_SUFFIX),
    );
    return this.#transactionIndex;
  }

  /** Makes the three files that every segment has. What is there of that name goes. */
  createFiles(isDirectoryNew = false): void {
    for (const kind of SEGMENT_SUFFIXES) {
      const path = this.pathOf(kind);
      if (!isDirectoryNew) this.#place.disk.remove(path);
      if (kind !== TRANSACTION_INDEX_SUFFIX) this.#place.disk.open(path, "create").close();
    }
  }

  /** Of all batches so far; -1 when no batch has one. */
  get maxTimestamp(): number {
    if (this.#maxTimestamp === null) this.#takeMaxTimestamp();
    return this.#maxTimestamp!;
  }

  /** Last offset of the batch that has it; the base offset when none has. */
  get maxTimestampOffset(): number {
    if (this.#maxTimestamp === null) this.#takeMaxTimestamp();
    return this.#maxTimestampOffset;
  }

  /** Whether the batch that holds this offset has this largest timestamp. Waits. */
  hasBatch(offset: number, maxTimestamp: number): boolean {
    if (this.locate(offset, true) !== FOUND) return false;
    const header = Buffer.alloc(BATCH_HEADER_SIZE);
    const count = this.log.use().read(header, 0, BATCH_HEADER_SIZE, this.foundPosition);
    if (count < BATCH_HEADER_SIZE || baseOffsetOf(header, 0) > offset) return false;
    return maxTimestampOf(header, 0) === maxTimestamp;
  }

  /**
   * Before `maxTimestamp` is relied upon: once, the end of the time index is held against its
   * batch. If it lies, an index of one entry takes its place, counted from all batches. Waits.
   */
  checkMaxTimestamp(): void {
    if (this.#isMaxTimestampChecked) return;
    this.#isMaxTimestampChecked = true;
    const { lastTimestamp, lastOffset } = this.timeIndex;
    if (this.size === 0 || this.hasBatch(lastOffset, lastTimestamp)) return;
    this.timeIndex.reset();
    this.#findMaxTimestamp();
    this.timeIndex.append(this.maxTimestamp, this.maxTimestampOffset);
    this.isIndexDamaged = true;
  }

  /** What retention by time goes by: without any timestamp the time of the file. */
  get largestTimestamp(): number {
    if (this.maxTimestamp >= 0) return this.maxTimestamp;
    return this.#place.disk.status(this.pathOf(LOG_SUFFIX))?.modifiedMs ?? 0;
  }

  /** Appends whole batches that have their offsets, all within 2^31 of the base offset. */
  append(bytes: Buffer, from: number, length: number, config: AppendConfig): void {
    const file = this.log.use();
    this.#room.prepareFor(length, this.size, config, this.#file);
    file.write(bytes, from, length, this.size);
    this.#noteBatches(bytes, from, length, config);
  }

  /**
   * The same, but for the file: that gets them together with others, by `writeGathered` or before
   * anybody uses it. Until then `bytes` must stay as they are.
   */
  gather(bytes: Buffer, length: number, config: AppendConfig): void {
    this.#room.prepareFor(length, this.size, config, this.#file);
    this.#gathered.add(bytes, length, this.size);
    this.#noteBatches(bytes, 0, length, config);
  }

  writeGathered(): void {
    this.#gathered.writeTo(() => this.#file.use());
  }

  /** For a thread to write; null when nothing is gathered. */
  handGathered(): HandedWrite | null {
    return this.#gathered.hand(this.#file);
  }

  #noteBatches(bytes: Buffer, from: number, length: number, config: AppendConfig): void {
    this.#recent ??= new RecentBatches();
    const end = from + length;
    for (let at = from; at < end;) {
      const size = batchSizeOf(bytes, at);
      this.noteBatch(
        baseOffsetOf(bytes, at),
        lastOffsetOf(bytes, at),
        maxTimestampOf(bytes, at),
        size,
        config.indexIntervalBytes,
      );
      at += size;
    }
  }

  /** Takes a batch that stands at the end of the file into the indexes. */
  noteBatch(
    baseOffset: number,
    lastOffset: number,
    maxTimestamp: number,
    batchSize: number,
    indexIntervalBytes: number,
  ): void {
    if (this.size === 0) this.#firstTimestamp = maxTimestamp;
    if (!this.#isMaxTimestampChecked) this.checkMaxTimestamp();
    if (maxTimestamp > this.maxTimestamp) {
      this.#maxTimestamp = maxTimestamp;
      this.#maxTimestampOffset = lastOffset;
    }
    if (this.#bytesSinceIndexEntry > indexIntervalBytes) {
      this.offsetIndex.append(lastOffset, this.size);
      this.timeIndex.append(this.maxTimestamp, this.maxTimestampOffset);
      this.#bytesSinceIndexEntry = 0;
    }
    this.#recent?.add(baseOffset, lastOffset, this.size);
    this.size += batchSize;
    this.#bytesSinceIndexEntry += batchSize;
  }

  canHold(offset: number): boolean {
    return offset >= this.baseOffset && offset - this.baseOffset <= OFFSETS_MAX;
  }

  /** Whether batches of `length` bytes up to `lastOffset` have to go to a new segment. */
  shouldRoll(
    length: number,
    maxTimestamp: number,
    lastOffset: number,
    nowMs: number,
    config: LogConfig,
  ): boolean {
    if (this.size > config.segmentBytes - length) return true;
    if (this.size > 0) {
      const waitedMs = this.#waitedMs(maxTimestamp, nowMs);
      if (waitedMs > config.segmentMs - this.#rollJitterMs) return true;
    }
    const indexBytes = config.segmentIndexBytes;
    if (this.offsetIndex.file.count >= Math.floor(indexBytes / OFFSET_ENTRY_SIZE)) return true;
    // The time index keeps a place for the entry that is added when the segment is left.
    if (this.timeIndex.file.count >= Math.floor(indexBytes / TIME_ENTRY_SIZE) - 1) return true;
    return !this.canHold(lastOffset);
  }

  /** Timestamp of the first batch; -1 when there is none or it has none. Waits. */
  get firstTimestamp(): number {
    if (this.#firstTimestamp === null) {
      if (this.size === 0) return -1;
      this.log.use().read(headers, 0, BATCH_HEADER_SIZE, 0);
      this.#firstTimestamp = maxTimestampOf(headers, 0);
    }
    return this.#firstTimestamp;
  }

  /**
   * The first batch whose last offset is not below `offset`, in `foundPosition` and `foundSize`:
   * FOUND, BEYOND_END, DAMAGED, or COLD unless the caller may wait. After COLD, `warm` and ask
   * again.
   */
  locate(offset: number, mayWait: boolean): number {
    if (this.#recent?.find(offset) === true) {
      const { position, nextPosition } = this.#recent;
      this.foundPosition = position;
      this.foundSize = (nextPosition === -1 ? this.size : nextPosition) - position;
      return FOUND;
    }
    const status = this.offsetIndex.lookup(offset, mayWait);
    if (status === COLD) {
      this.#coldPosition = -1;
      return COLD;
    }
    if (status === 1) {
      const { foundOffset, foundPosition, nextOffset, nextPosition } = this.offsetIndex;
      const mayBeNext = this.#isEachIndexed && foundOffset === offset - 1 && nextPosition !== -1;
      if (mayBeNext && this.#startsAt(nextPosition, offset, nextOffset)) return FOUND;
      const answer = this.#scan(foundPosition, foundOffset, offset, mayWait);
      this.#isEachIndexed = answer === FOUND && this.foundPosition === nextPosition;
      if (answer !== DAMAGED) return answer;
      // The entry does not point at its batch: do without the index until it is built anew.
      this.isIndexDamaged = true;
    }
    return this.#scan(0, -1, offset, mayWait);
  }

  /** The offset behind the last batch; -1 when the batches do not lead to the end. Waits. */
  findEndOffset(): number {
    if (this.size === 0) return this.baseOffset;
    const status = this.locate(this.baseOffset + OFFSETS_MAX + 1, true);
    return status === BEYOND_END ? this.#lastScanned + 1 : -1;
  }

  /** Brings what a cold `locate` missed into the page cache. */
  async warm(): Promise<void> {
    if (this.#coldPosition === -1) return this.offsetIndex.warm();
    const file = this.log.retain();
    try {
      const target = Buffer.allocUnsafe(HEADERS_SIZE);
      await file.readLater(target, 0, HEADERS_SIZE, this.#coldPosition);
    } finally {
      this.log.release();
    }
  }

  /** Adds the last entry of the time index and writes all that is pending; syncs nothing. */
  close(): void {
    if (this.#maxTimestamp !== null) {
      this.timeIndex.append(this.maxTimestamp, this.maxTimestampOffset);
    }
    this.coolDown();
  }

  /** As `coolDown`, of files that are to be removed. */
  retire(): void {
    this.#room.abandon();
    this.coolDown();
  }

  /** Gives back all but this object; the segment goes on as before when it is used again. */
  coolDown(): void {
    this.writeGathered();
    this.#recent = null;
    this.#room.leave(this.size, this.#file);
    this.#offsetIndex?.file.cool();
    this.#timeIndex?.file.cool();
    this.#transactionIndex?.cool();
    this.#log?.close();
    this.#offsetIndex = null;
    this.#timeIndex = null;
    this.#transactionIndex = null;
    this.#log = null;
  }

  /** Makes all of an inactive segment durable, or the batches alone of the active one. */
  async sync(isActive: boolean): Promise<void> {
    await this.log.sync();
    if (isActive) return;
    this.#offsetIndex?.file.writeOut();
    this.#timeIndex?.file.writeOut();
    for (const kind of [INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX]) {
      const path = this.pathOf(kind);
      if (this.#place.disk.status(path) === null) continue;
      const handle = this.#place.handles.handle(path, "write");
      await handle.sync();
      handle.close();
    }
  }

  /** Cuts off the batch that `offset` is in and all behind it. Returns the bytes cut. Waits. */
  truncateTo(offset: number, nowMs: number): number {
    const status = this.locate(offset, true);
    this.offsetIndex.truncateTo(offset);
    this.timeIndex.truncateTo(offset);
    this.transactionIndex.truncateTo(offset);
    this.#recent?.clear();
    this.#bytesSinceIndexEntry = 0;
    let cut = 0;
    if (status === FOUND) {
      cut = this.size - this.foundPosition;
      this.#cutAt(this.foundPosition);
    }
    if (this.size === 0) {
      this.#createdMs = nowMs;
      this.#firstTimestamp = null;
    }
    this.#findMaxTimestamp();
    return cut;
  }

  /** Forgets the indexes, before all batches are noted again from position 0. */
  startRebuild(): void {
    const { handles, disk } = this.#place;
    this.#offsetIndex?.file.handle.close();
    this.#timeIndex?.file.handle.close();
    const offsets = this.pathOf(INDEX_SUFFIX);
    this.#offsetIndex = new OffsetIndex(handles, offsets, this.baseOffset, NOTHING_FOUND);
    this.#offsetIndex.file.startRebuild(disk.status(offsets)?.size ?? -1);
    const times = this.pathOf(TIME_INDEX_SUFFIX);
    this.#timeIndex = new TimeIndex(handles, times, this.baseOffset, NOTHING_FOUND);
    this.#timeIndex.file.startRebuild(disk.status(times)?.size ?? -1);
    this.#isMaxTimestampChecked = true;
    this.transactionIndex.reset();
    this.size = 0;
    this.#firstTimestamp = null;
    this.#maxTimestamp = -1;
    this.#maxTimestampOffset = this.baseOffset;
    this.#bytesSinceIndexEntry = 0;
    this.#recent?.clear();
  }

  /**
   * Cuts the file of `fileSize` bytes where the batches that were noted end, and finishes the
   * indexes. As in Kafka the last timestamp is an entry, too, of the active segment as of others.
   */
  finishRebuild(fileSize: number): void {
    if (fileSize > this.size || fileSize >= RESERVE_FROM) this.#cutAt(this.size);
    this.timeIndex.append(this.maxTimestamp, this.maxTimestampOffset);
    this.offsetIndex.file.finishRebuild();
    this.timeIndex.file.finishRebuild();
    this.#bytesSinceIndexEntry = 0;
  }

  /** Other contents for both index files, at once. */
  replaceIndexes(offsetEntries: Buffer, timeEntries: Buffer): void {
    this.#offsetIndex?.file.handle.close();
    this.#timeIndex?.file.handle.close();
    this.#offsetIndex = null;
    this.#timeIndex = null;
    this.#maxTimestamp = null;
    this.#isMaxTimestampChecked = true;
    this.isIndexDamaged = false;
    for (const [kind, bytes] of [
      [INDEX_SUFFIX, offsetEntries],
      [TIME_INDEX_SUFFIX, timeEntries],
    ] as const) {
      const file = this.#place.disk.open(this.pathOf(kind), "create");
      file.truncate(0);
      file.write(bytes, 0, bytes.length, 0);
      file.close();
    }
  }

  /** Renames all files that exist; `suffix` stands behind their names from now on. */
  rename(suffix: string): void {
    for (const kind of SEGMENT_SUFFIXES) {
      const from = this.pathOf(kind);
      const to = `${this.#place.directory}/${segmentFileName(this.baseOffset, kind)}${suffix}`;
      if (this.#place.disk.status(from) !== null) this.#place.disk.rename(from, to);
    }
    this.#suffix = suffix;
    this.#log?.moved(this.pathOf(LOG_SUFFIX));
    this.#offsetIndex?.file.handle.moved(this.pathOf(INDEX_SUFFIX));
    this.#timeIndex?.file.handle.moved(this.pathOf(TIME_INDEX_SUFFIX));
    this.#transactionIndex?.handle.moved(this.pathOf(TRANSACTION_INDEX_SUFFIX));
  }

  removeFiles(): void {
    for (const path of this.leave()) this.#place.disk.remove(path);
  }

  /** Nobody uses it any more, but for readers that have its file; returns what is to be removed. */
  leave(): string[] {
    this.#log?.close();
    return SEGMENT_SUFFIXES.map((kind) => this.pathOf(kind));
  }

  /** As long as timestamps ascend from the first batch's, otherwise since it was made. */
  #waitedMs(maxTimestamp: number, nowMs: number): number {
    const first = this.firstTimestamp;
    return first >= 0 ? maxTimestamp - first : nowMs - this.#createdMs;
  }

  #cutAt(position: number): void {
    this.log.use().truncate(position);
    this.size = position;
    this.#room.cutAt(position);
  }

  /**
   * Walks batches from `position` on. `expectedLastOffset` is what the index says of the first one,
   * -1 for nothing.
   */
  #scan(from: number, expectedLastOffset: number, offset: number, mayWait: boolean): number {
    if (expectedLastOffset !== -1 && (from < 0 || from >= this.size)) return DAMAGED;
    const file = this.log.use();
    let expected = expectedLastOffset;
    for (let position = from; position < this.size;) {
      const most = this.foundSize < HEADERS_SIZE ? HEADERS_SIZE : LAST_OFFSET_END;
      const length = Math.min(most, this.size - position);
      const wanted = Math.min(LAST_OFFSET_END, length);
      let count = file.readCached(headers, 0, length, position);
      if (count < wanted && mayWait) count = file.read(headers, 0, length, position);
      if (count < wanted) {
        this.#coldPosition = position;
        return mayWait ? DAMAGED : COLD;
      }
      const isEnd = position + count === this.size;
      let at = 0;
      while (count - at >= LAST_OFFSET_END || (isEnd && count - at >= BATCH_SIZE_TO_MAGIC)) {
        const size = batchSizeOf(headers, at);
        const last = lastOffsetOf(headers, at);
        const isWhole = size >= BATCH_SIZE_TO_MAGIC && position + at + size <= this.size;
        if (!isWhole || !this.canHold(last) || (expected !== -1 && last !== expected)) {
          return DAMAGED;
        }
        expected = -1;
        this.#lastScanned = last;
        if (last >= offset) {
          this.foundPosition = position + at;
          this.foundSize = size;
          return FOUND;
        }
        at += size;
      }
      if (at === 0) return DAMAGED;
      position += at;
    }
    return BEYOND_END;
  }

  /** Whether a batch with these offsets lies at `position`: then it is found. */
  #startsAt(position: number, baseOffset: number, lastOffset: number): boolean {
    const count = this.log.use().readCached(headers, 0, LAST_OFFSET_END, position);
    if (count < LAST_OFFSET_END) return false;
    if (baseOffsetOf(headers, 0) !== baseOffset || lastOffsetOf(headers, 0) !== lastOffset) {
      return false;
    }
    const size = batchSizeOf(headers, 0);
    if (size < BATCH_SIZE_TO_MAGIC || position + size > this.size) return false;
    this.foundPosition = position;
    this.foundSize = size;
    return true;
  }

  #takeMaxTimestamp(): void {
    this.#maxTimestamp = this.timeIndex.lastTimestamp;
    this.#maxTimestampOffset = this.timeIndex.lastOffset;
  }

  /** From the last entry of the time index on, the batches tell. */
  #findMaxTimestamp(): void {
    this.#takeMaxTimestamp();
    const hasEntry = this.offsetIndex.lookup(this.#maxTimestampOffset, true) === 1;
    const from = hasEntry ? this.offsetIndex.foundPosition : 0;
    scanBatchesNow(this.log.use(), from, this.size, (bytes, at) => {
      if (maxTimestampOf(bytes, at) > this.maxTimestamp) {
        this.#maxTimestamp = maxTimestampOf(bytes, at);
        this.#maxTimestampOffset = lastOffsetOf(bytes, at);
      }
      return true;
    });
  }
}
